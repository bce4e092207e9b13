/** One kind of work, done by every peer in turn. */
import type { Target } from '../client/target.js';
import type { Figure, Values } from '../figures.js';

export interface Workload {
  readonly name: string;
  readonly figures: readonly Figure[];
  /** Once for each peer, before its first turn; not measured. */
  prepare?(target: Target): Promise<void>;
  /** One turn. Leaves the peer as it was, so that later rounds find the same. */
  measure(target: Target): Promise<Values>;
  /** The same durable bytes by a plain writer, where that says something. `folder` is there and empty. */
  limit?(folder: string): Promise<Values>;
}

/** How much work: the full size, or just enough to see that everything runs. */
export interface Scale {
  readonly largeBytes: number;
  readonly durationMs: number;
  /** Of each peer before its first turn at repeated requests. */
  readonly warmUpMs: number;
  readonly smallFiles: number;
  readonly listings: readonly [number, number];
  readonly repeats: number;
}
