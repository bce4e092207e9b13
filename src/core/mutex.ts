/**
 * One task at a time, in the order of the calls. Not reentrant: a task that runs another task of the same mutex and
 * waits for it waits forever. The queue has no bound of its own; callers bound what they start.
 */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** Tasks running or waiting. */
  get pending(): number {
    return this.#pending;
  }

  /** Resolves or rejects as `task` does; a task that fails does not stop those behind it. */
  run<T>(task: () => T | Promise<T>): Promise<T> {
    this.#pending += 1;
    const result = this.#tail.then(task).finally(() => {
      this.#pending -= 1;
    });
    // The chain itself never rejects: the failure belongs to the caller of this task alone.
    this.#tail = result.then(ignore, ignore);
    return result;
  }
}

const ignore = (): void => undefined;
