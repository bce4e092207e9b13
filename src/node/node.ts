/**
 * One node as the rest of the program sees it: what it is, its guarded store, its state and why. It has no timers and
 * starts nothing: its keeper (node-keeper.ts) probes it, the engine welcomes or refuses it, operations report failures.
 */
import type { Clock } from '../core/clock.js';
import { DriveError, hasCode, sayWithHint } from '../core/errors.js';
import type { SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { GuardedNodeStore } from './guarded-node-store.js';
import { isReadable, type NodeSignal, type NodeState, nextState } from './node-state.js';
import type { NodeStore } from './node-store.js';

export type NodeRole = 'active' | 'draining' | 'away' | 'retired';

export interface NodeDescription {
  readonly label: string;
  /** The directory that holds the passport. */
  readonly path: string;
  /** Failure group: what can be lost at once. */
  readonly group: string;
  readonly weight: number;
  readonly role: NodeRole;
  /** Its operator was told that it may be unplugged: it takes nothing new. Default: false. */
  readonly isLeaving?: boolean | undefined;
  /** Its disk may spin down: nothing is written to it, and it is not listed, while nobody uses it. Default: false. */
  readonly isSleepy?: boolean | undefined;
}

export interface NodeChange {
  readonly node: Node;
  readonly from: NodeState;
  readonly to: NodeState;
  /** What was learnt. */
  readonly signal: NodeSignal;
  readonly reason: string | null;
}

/** Weight of the newest read in the smoothed latency: some ten reads back count. */
const latencyShare = 0.1;
/** A node that was slow is asked last and so hardly ever: what is known of it loses half of its weight in this time. */
const latencyHalfLifeMs = 30_000;

export class Node {
  readonly id: NodeId;
  /** For everybody. */
  readonly store: NodeStore;
  /** For the keeper: errors of its own probes are judged by itself. */
  readonly unguarded: NodeStore;
  readonly #clock: Clock;
  readonly #guarded: GuardedNodeStore;
  readonly #listeners = new Set<(change: NodeChange) => void>();
  #description: NodeDescription;
  #state: NodeState = 'offline';
  #reason: string | null = 'not seen yet';
  #since: number;
  #isWelcome = false;
  #isRefused = false;
  #space: SpaceInfo | undefined;
  /** Bytes written since the space was measured. */
  #writtenSince = 0;
  #latencyMs = 0;
  #lastUse = Number.NEGATIVE_INFINITY;
  #lastSync = Number.NEGATIVE_INFINITY;
  #lastRead = 0;

  constructor({
    store,
    clock,
    ...description
  }: NodeDescription & { readonly store: NodeStore; readonly clock: Clock }) {
    this.id = store.id;
    this.unguarded = store;
    this.#clock = clock;
    this.#description = description;
    this.#since = clock.now();
    this.#guarded = new GuardedNodeStore(store, {
      monotonic: () => clock.monotonic(),
      requireUsable: () => this.#requireUsable(),
      onOperation: (kind, durationMs) => this.#onOperation(kind, durationMs),
      onWritten: (bytes) => {
        this.#writtenSince += bytes;
      },
      onFailure: (error, kind) => this.#onFailure(error, kind),
    });
    this.store = this.#guarded;
  }

  get label(): string {
    return this.#description.label;
  }

  get path(): string {
    return this.#description.path;
  }

  get group(): string {
    return this.#description.group;
  }

  get weight(): number {
    return this.#description.weight;
  }

  get role(): NodeRole {
    return this.#description.role;
  }

  get isSleepy(): boolean {
    return this.#description.isSleepy === true;
  }

  get isLeaving(): boolean {
    return this.#description.isLeaving === true;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Why, in words; null when online. */
  get reason(): string | null {
    return this.#reason;
  }

  /** Milliseconds since 1970 at which the state began. */
  get since(): number {
    return this.#since;
  }

  /** As of the last probe, less what was written since; undefined before the first. */
  get space(): SpaceInfo | undefined {
    if (!this.#space) return undefined;
    return { ...this.#space, freeBytes: Math.max(0, this.#space.freeBytes - this.#writtenSince) };
  }

  /**
   * Of reads, smoothed; 0 while unknown. A read that is waited for counts as soon as it is late, so that a disk that
   * hangs is asked last before any deadline passes.
   */
  get latencyMs(): number {
    const age = this.#clock.monotonic() - this.#lastRead;
    const known = this.#latencyMs === 0 ? 0 : this.#latencyMs * 2 ** (-age / latencyHalfLifeMs);
    return Math.max(known, this.#guarded.oldestReadMs);
  }

  /** st_dev of its file system when last seen; undefined: not known. */
  get device(): number | undefined {
    return this.unguarded.device;
  }

  /** Refused by the engine: it stays foreign whatever lies at its path. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Operations that have not ended. */
  get inFlight(): number {
    return this.#guarded.inFlight;
  }

  /** Monotonic milliseconds of the last operation, and of the last one that was durable; -Infinity before the first. */
  get lastUse(): number {
    return this.#lastUse;
  }

  get lastSync(): number {
    return this.#lastSync;
  }

  describe(changes: Partial<NodeDescription>): void {
    this.#description = { ...this.#description, ...changes };
  }

  /** The engine has made it current. A node that is full, read-only or suspect meanwhile becomes online when it is well. */
  welcome(): void {
    if (!isReadable(this.#state)) return;
    this.#isWelcome = true;
    this.signal('welcomed', null);
  }

  /** Its contents belong to another history. Not touched again by this opening of the volume. */
  refuse(reason: string): void {
    this.#isRefused = true;
    this.signal('refused', reason);
  }

  /** Given up for good. */
  retire(): void {
    this.signal('retired', 'retired');
  }

  /** Told after each change of state, in the order of the changes; must not throw. The function returned ends it. */
  onChange(listener: (change: NodeChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** For the keeper and the guard. */
  signal(signal: NodeSignal, reason: string | null): void {
    if (signal === 'seen' && this.#isRefused) return;
    const from = this.#state;
    const to = nextState(from, signal, this.#isWelcome);
    if (!isReadable(to)) this.#isWelcome = false;
    if (to === from) {
      // Still away, perhaps for another reason than before.
      const isAway = from === 'offline' || (from === 'foreign' && !this.#isRefused);
      if (isAway && (signal === 'gone' || signal === 'stranger')) this.#reason = reason;
      return;
    }
    this.#state = to;
    this.#reason = to === 'online' ? null : reason;
    this.#since = this.#clock.now();
    for (const listener of [...this.#listeners]) listener({ node: this, from, to, signal, reason: this.#reason });
  }

  /** For the keeper. */
  noteSpace(space: SpaceInfo): void {
    this.#space = space;
    this.#writtenSince = 0;
  }

  #requireUsable(): void {
    if (isReadable(this.#state)) return;
    throw new DriveError('NODE_GONE', {
      message: `node ${this.label} is ${this.#state}: ${this.#reason}`,
      details: { node: this.id, path: this.path, state: this.#state },
    });
  }

  #onOperation(kind: 'read' | 'write' | 'sync', durationMs: number): void {
    this.#lastUse = this.#clock.monotonic();
    if (kind === 'sync') this.#lastSync = this.#lastUse;
    if (kind !== 'read') return;
    this.#lastRead = this.#lastUse;
    this.#latencyMs =
      this.#latencyMs === 0 ? durationMs : this.#latencyMs + latencyShare * (durationMs - this.#latencyMs);
  }

  #onFailure(error: DriveError, kind: 'read' | 'write' | 'sync'): void {
    this.#lastUse = this.#clock.monotonic();
    // A file that may not be read says nothing about writing.
    if (kind !== 'read' && hasCode(error, 'NODE_FULL')) this.signal('no-space', sayWithHint(error));
    else if (kind !== 'read' && hasCode(error, 'NODE_READ_ONLY')) this.signal('no-writes', sayWithHint(error));
    else this.signal('failed', sayWithHint(error));
  }
}
