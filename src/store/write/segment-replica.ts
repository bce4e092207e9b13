/**
 * The file of one open segment on one node. Failures are kept as state, not thrown: the segment asks who took what.
 *
 * A replica is 'good' until its first failure. A node that is merely full keeps what it took ('full': no more writes,
 * but it may still be synced); after any other failure, and after every failed fsync, it is 'distrusted' for good:
 * nothing more is asked of it, and nothing it said before counts for a new claim.
 */
import type { Clock } from '../../core/clock.js';
import { withDeadline } from '../../core/deadline.js';
import { asDriveError, DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import type { NodeStore } from '../../node/node-store.js';

export interface ReplicaOptions {
  readonly store: NodeStore;
  readonly fileName: string;
  readonly clock: Clock;
  /** Backstop behind the node store's own deadline, so that no implementation can hang an append or a sync. */
  readonly deadlineMs: number;
  /** Called once, at the first failure. */
  readonly onFailure: (replica: SegmentReplica, error: DriveError) => void;
}

export class SegmentReplica {
  readonly #options: ReplicaOptions;
  #state: 'good' | 'full' | 'distrusted' = 'good';
  #failure: DriveError | undefined;
  #writtenBytes = 0;
  #durableBytes = 0;
  #running: Promise<boolean> | undefined;
  #queued: Promise<boolean> | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
  }

  get node(): NodeId {
    return this.#options.store.id;
  }

  get store(): NodeStore {
    return this.#options.store;
  }

  get isGood(): boolean {
    return this.#state === 'good';
  }

  get isTrusted(): boolean {
    return this.#state !== 'distrusted';
  }

  get failure(): DriveError | undefined {
    return this.#failure;
  }

  /** Every byte below it was taken by the node; not durable yet. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Every byte below it is covered by an fsync that succeeded and began after the write. */
  get durableBytes(): number {
    return this.#durableBytes;
  }

  async create(): Promise<void> {
    const { store, fileName } = this.#options;
    await this.#attempt(() => store.create('segments', fileName));
  }

  /** Writes at `position`, which must be the end of what was written. True when the node took it all. */
  async write(position: number, buffers: readonly Buffer[], lengthBytes: number): Promise<boolean> {
    if (!this.isGood) return false;
    const { store, fileName } = this.#options;
    const wrote = await this.#attempt(() => store.write('segments', fileName, position, buffers));
    // Bytes that arrived at a replica which failed otherwise meanwhile do not count.
    if (!wrote || !this.isGood) return false;
    this.#writtenBytes = position + lengthBytes;
    return true;
  }

  /**
   * True when everything written before the call is durable. Calls share an fsync, but only one that began after
   * them: while one runs, all that come wait for the one behind it.
   */
  sync(): Promise<boolean> {
    if (this.#queued) return this.#queued;
    if (!this.#running) return this.#startSync();
    this.#queued = this.#running.then(() => {
      this.#queued = undefined;
      return this.#startSync();
    });
    return this.#queued;
  }

  /** Closes the file. What was synced stays: a failure to close loses nothing. */
  async finish(): Promise<void> {
    const { store, fileName } = this.#options;
    await this.#guard(() => store.finish('segments', fileName)).catch(() => undefined);
  }

  /** Ends the replica from outside (its node left). */
  distrust(error: DriveError): void {
    this.#fail(error, 'distrusted');
  }

  #startSync(): Promise<boolean> {
    this.#running = this.#syncOnce().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #syncOnce(): Promise<boolean> {
    if (!this.isTrusted) return false;
    const covered = this.#writtenBytes;
    if (covered === this.#durableBytes) return true;
    const { store, fileName } = this.#options;
    try {
      await this.#guard(() => store.sync('segments', fileName));
    } catch (error) {
      // After a failed fsync the system may have dropped the dirty pages and say "good" the next time: final.
      this.#fail(asDriveError(error), 'distrusted');
    }
    if (!this.isTrusted) return false;
    this.#durableBytes = covered;
    return true;
  }

  async #attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await this.#guard(work);
      return true;
    } catch (error) {
      this.#fail(asDriveError(error), hasCode(error, 'NODE_FULL') ? 'full' : 'distrusted');
      return false;
    }
  }

  #guard(work: () => Promise<void>): Promise<void> {
    const { store, fileName, clock, deadlineMs } = this.#options;
    return withDeadline(work(), deadlineMs, clock, {
      missed: () => new DriveError('NODE_GONE', { message: 'deadline missed', details: { node: store.id, fileName } }),
      // The replica is distrusted by then, and no offset of it is used again: what lands late changes nothing.
      late: () => undefined,
    });
  }

  #fail(error: DriveError, state: 'full' | 'distrusted'): void {
    if (this.#state === 'distrusted') return;
    this.#state = state;
    if (this.#failure) return;
    this.#failure = error;
    this.#options.onFailure(this, error);
  }
}
