/**
 * Room that is on its way: what was deleted gives its bytes back some moments later (pruned, cleaned, out of the
 * attic). Nothing is refused for lack of room while that goes on: people delete because the drive is full, and save
 * again at once.
 */
import type { Clock } from '../core/clock.js';
import type { MetaReader } from '../meta/meta-store.js';
import type { EngineNode } from './engine-node.js';

export interface ReturningRoomOptions {
  readonly reader: MetaReader;
  readonly nodes: () => readonly EngineNode[];
  readonly clock: Clock;
  /** Dead bytes below this are not waited for: one segment's length. */
  readonly leastBytes: () => number;
  /** Nobody waits longer. */
  readonly limitMs: number;
  /** Unlinks what waits in the nodes' attics; true when that gave room. */
  readonly giveBack: () => Promise<boolean>;
  /** Files of retired segments are about to be moved to the attics. */
  readonly isReclaiming: () => boolean;
  /** The engine ends: nothing is waited for any more. */
  readonly isClosed: () => boolean;
}

const pauseMs = 100;
/** Nothing has moved for this long: the cleaner looks at the segments every 2 s, and the listings follow. */
const stallMs = 5_000;

export class ReturningRoom {
  private readonly options: ReturningRoomOptions;
  /** The figures at which a wait ended in vain: at the same ones nobody waits again. */
  private exhausted = '';

  constructor(options: ReturningRoomOptions) {
    this.options = options;
  }

  /** Resolves with true as soon as there is enough, with false when no more is coming, it takes too long, or on `signal`. Rejects as `isEnough` does. */
  async wait(isEnough: () => Promise<boolean>, signal?: AbortSignal): Promise<boolean> {
    const { clock, limitMs, giveBack, isClosed } = this.options;
    const beganMs = clock.monotonic();
    let figures = '';
    let movedMs = beganMs;
    while (!signal?.aborted && !isClosed()) {
      await giveBack();
      if (await isEnough()) return true;
      const now = clock.monotonic();
      const current = this.figures();
      if (current !== figures) movedMs = now;
      figures = current;
      if (current === this.exhausted || !this.isComing()) return false;
      if (now - movedMs >= stallMs) {
        this.exhausted = current;
        return false;
      }
      if (now - beganMs >= limitMs) return false;
      await clock.sleep(pauseMs, { signal });
    }
    return false;
  }

  /** Deleted and not pruned, or dead in segments; how much of the latter is worth cleaning, the stall tells. */
  private isComing(): boolean {
    const { reader, leastBytes, isReclaiming } = this.options;
    const { storedBytes, liveBytes } = reader.counts();
    return isReclaiming() || reader.hasEnded() || storedBytes - liveBytes >= leastBytes();
  }

  /** Changes whenever something comes. */
  private figures(): string {
    const { storedBytes, liveBytes } = this.options.reader.counts();
    return JSON.stringify([storedBytes, liveBytes, ...this.options.nodes().map(({ space }) => space?.freeBytes)]);
  }
}
