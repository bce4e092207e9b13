/** How far long work has come. */
export interface Progress {
  /** What is being done, in words. */
  readonly phase: string;
  readonly done: number;
  /** null when not known yet. */
  readonly total: number | null;
  readonly unit: 'bytes' | 'files' | 'segments' | 'batches' | 'questions';
}
