/**
 * Bounds the bytes that are handled in one turn of the event loop. The system hands over up to 2 MiB of each connection
 * before the loop goes on; sixteen uploads at once then kept everybody else waiting for 100 ms.
 */
interface Waiting {
  readonly bytes: number;
  readonly resolve: () => void;
}

export class TurnBudget {
  readonly #limitBytes: number;
  #leftBytes: number;
  #isTurnEnding = false;
  readonly #waiting: Waiting[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
    this.#leftBytes = limitBytes;
  }

  /**
   * undefined: they may be handled now. Else resolves in a later turn, in the order of the calls. Never rejects. More
   * than the whole budget is let through as the last of a turn.
   */
  take(bytes: number): Promise<void> | undefined {
    if (!this.#isTurnEnding) this.#endTurnSoon();
    if (this.#leftBytes > 0 && this.#waiting.length === 0) {
      this.#leftBytes -= bytes;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  #endTurnSoon(): void {
    this.#isTurnEnding = true;
    setImmediate(() => {
      this.#isTurnEnding = false;
      this.#leftBytes = this.#limitBytes;
      while (this.#leftBytes > 0 && this.#waiting.length > 0) {
        const { bytes, resolve } = this.#waiting.shift()!;
        this.#leftBytes -= bytes;
        resolve();
      }
      // What was let through counts for the turn that begins here.
      if (this.#leftBytes < this.#limitBytes) this.#endTurnSoon();
    });
  }
}
