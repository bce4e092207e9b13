/** Background work: named units that do one bounded step at a time. The scheduler owns loops, pacing and back-off. */

export type StepResult =
  /** Something was done; there may be more. */
  | 'worked'
  /** Nothing to do now. */
  | 'idle';

export interface Worker {
  readonly name: string;
  /** One bounded unit (at most some seconds). Errors are reported by the scheduler, which backs off. */
  step(signal: AbortSignal): Promise<StepResult>;
}
