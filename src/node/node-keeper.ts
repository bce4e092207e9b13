/**
 * Keeps one node's state true: probes it while it is present, looks for it while it is away, closes what is open when
 * it leaves or is idle, and watches its folders as long as it is there. One probe at a time; a doubt that comes during
 * a probe starts another one, for the running one may have begun before the trouble.
 */
import type { Clock } from '../core/clock.js';
import { hasCode, sayWithHint } from '../core/errors.js';
import type { SpaceInfo } from '../core/file-io.js';
import type { SafetyParameters } from '../core/safety-parameters.js';
import type { Node, NodeChange } from './node.js';
import { isReadable } from './node-state.js';
import type { NodeWatcherOptions } from './node-watcher.js';

export type KeeperSafety = Pick<
  SafetyParameters,
  'probeIntervalMs' | 'returnProbeIntervalMs' | 'silenceMs' | 'idleCloseMs'
>;

export interface NodeKeeperOptions {
  readonly node: Node;
  readonly clock: Clock;
  readonly safety: KeeperSafety;
  readonly watch: (options: NodeWatcherOptions) => { close(): Promise<void> };
  /** Has the other nodes probed now; the function returned tells whether one has answered since. */
  readonly askOthers: () => () => boolean;
  /** The folder of segments may have changed, or has not been listed for a while. */
  readonly onListingHint: () => void;
  /** What a person may want to know and no state says. */
  readonly report: (message: string) => void;
}

/** A disk is silent; the others are given this long to answer, so that it shows within a second. */
const othersMs = 350;
/** Events come in swarms. */
const hintDebounceMs = 200;
/** A listing is due this often even when no event says so: watchers miss events in silence. */
const listingIntervalMs = 60_000;
/** While operations keep proving the node, every this many intervals a full probe still measures the space. */
const fullProbeIntervals = 5;
/** A node that was suspect again within this time stays suspect longer each time, up to this time. */
const calmMs = 60_000;
/** Below this there is no room for the journal; a full node is used again at twice as much. */
const leastFreeBytes = 16 * 1024 * 1024;
const leastFreeShare = 0.01;
const leastFreeInodes = 64;
/** A node may be full by a quota that its free space does not show: it is tried again this often. */
const fullRetryMs = 30_000;

export class NodeKeeper {
  readonly node: Node;
  readonly #options: NodeKeeperOptions;
  readonly #stopListening: () => void;
  #watcher: { close(): Promise<void> } | undefined;
  readonly #nextTurn: Alarm;
  readonly #nextListing: Alarm;
  #turn: Promise<void> | undefined;
  #isTurnWanted = false;
  #lastFullProbe = Number.NEGATIVE_INFINITY;
  #lastSuspect = Number.NEGATIVE_INFINITY;
  #suspicions = 0;
  #lastAnswer = Number.NEGATIVE_INFINITY;
  #stateSince: number;
  /** As measured by the probe that found the node full, or by the first one after an operation did. */
  #freeBytesWhenFull: number | undefined;
  #isResting = true;
  #isClosed = false;

  constructor(options: NodeKeeperOptions) {
    this.node = options.node;
    this.#options = options;
    this.#stateSince = options.clock.monotonic();
    this.#nextTurn = new Alarm(options.clock, () => void this.#runTurn());
    this.#nextListing = new Alarm(options.clock, () => this.#hintListing());
    this.#stopListening = options.node.onChange((change) => this.#onChange(change));
  }

  /** Resolves after the first look. */
  async start(): Promise<void> {
    await this.#runTurn();
    this.#nextListing.within(listingIntervalMs);
  }

  /** Idempotent. Closes the watcher, not the node's store. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    this.#nextTurn.stop();
    this.#nextListing.stop();
    await Promise.all([this.#unwatch(), this.#turn]);
  }

  /** Monotonic milliseconds at which a probe last succeeded; -Infinity before the first. */
  get lastAnswer(): number {
    return this.#lastAnswer;
  }

  /** A probe or look begins within `delayMs`. */
  probeSoon(delayMs: number): void {
    this.#nextTurn.within(delayMs);
  }

  async #runTurn(): Promise<void> {
    this.#isTurnWanted = true;
    // The running turn sees the wish when it ends.
    this.#turn ??= this.#turns().finally(() => {
      this.#turn = undefined;
    });
    await this.#turn;
  }

  async #turns(): Promise<void> {
    while (this.#isTurnWanted && !this.#isClosed) {
      this.#isTurnWanted = false;
      if (isReadable(this.node.state)) await this.#visit();
      else await this.#lookForReturn();
    }
    if (this.#isClosed || this.node.state === 'retired') return;
    const { probeIntervalMs, returnProbeIntervalMs } = this.#options.safety;
    this.probeSoon(isReadable(this.node.state) ? probeIntervalMs : returnProbeIntervalMs);
  }

  async #visit(): Promise<void> {
    const { clock } = this.#options;
    const endSilence = this.#listenForSilence();
    try {
      if (this.#isFullProbeDue()) {
        const space = await this.node.unguarded.probe();
        this.#lastFullProbe = this.#lastAnswer = clock.monotonic();
        this.#judgeSpace(space);
      } else {
        await this.node.unguarded.look();
        this.#lastAnswer = clock.monotonic();
      }
    } catch (error) {
      this.#onProbeError(error);
    } finally {
      endSilence();
    }
    // A sick disk rests too, so that it can be unmounted.
    if (isReadable(this.node.state)) await this.#restWhenIdle();
  }

  async #lookForReturn(): Promise<void> {
    if (this.node.isRefused || this.node.state === 'retired') return;
    try {
      await this.node.unguarded.look();
    } catch (error) {
      this.#onProbeError(error);
      // Nothing may stay open or attached at a path that is not the node's.
      await this.#release();
      return;
    }
    this.node.signal('seen', 'seen again, being made current');
  }

  /** The function returned ends it: the probe has come to an end. */
  #listenForSilence(): () => void {
    const { clock, askOthers, safety } = this.#options;
    let cancel = clock.schedule(safety.silenceMs, () => {
      const haveOthersAnswered = askOthers();
      cancel = clock.schedule(othersMs, () => {
        // Operations in flight have deadlines of their own, and a disk that works hard is slow to probe.
        const isIdle = this.node.inFlight === 0;
        if (isIdle && haveOthersAnswered()) this.node.signal('silent', 'it does not answer a probe');
      });
    });
    return () => cancel();
  }

  /** Operations that were made durable lately say more than a probe. */
  #isFullProbeDue(): boolean {
    const { clock, safety } = this.#options;
    const now = clock.monotonic();
    // What the system remembers of a disk that sleeps does not wake it; a write would.
    if (this.node.isSleepy && this.node.state === 'online' && this.#isIdle()) return false;
    const isProven = this.node.state === 'online' && now - this.node.lastSync < safety.probeIntervalMs;
    return !isProven || now - this.#lastFullProbe >= fullProbeIntervals * safety.probeIntervalMs;
  }

  #judgeSpace(space: SpaceInfo): void {
    this.node.noteSpace(space);
    const least = Math.min(leastFreeBytes, space.totalBytes * leastFreeShare);
    const isFull = this.node.state === 'full';
    if (isFull) this.#freeBytesWhenFull ??= space.freeBytes;
    const wanted = isFull ? 2 * least : least;
    if (space.freeBytes < wanted || space.freeInodes < leastFreeInodes) {
      this.node.signal('no-space', 'almost no space is left');
      this.#freeBytesWhenFull ??= space.freeBytes;
      return;
    }
    const hasGrown = isFull && space.freeBytes >= this.#freeBytesWhenFull! + least;
    if (hasGrown || !this.#isHeldBack()) this.node.signal('well', 'well again, being made current');
  }

  /** A good probe alone does not end these states at once: they would flap between the probe and the operation. */
  #isHeldBack(): boolean {
    const { clock, safety } = this.#options;
    const inState = clock.monotonic() - this.#stateSince;
    if (this.node.state === 'full') return inState < fullRetryMs;
    if (this.node.state !== 'suspect' || this.#suspicions <= 1) return false;
    return inState < Math.min(calmMs, safety.probeIntervalMs * 2 ** (this.#suspicions - 2));
  }

  #onProbeError(error: unknown): void {
    const reason = sayWithHint(error);
    // CLOSED: the drive is being closed. UNAVAILABLE: this process is in trouble, not the node.
    if (hasCode(error, 'CLOSED', 'UNAVAILABLE')) return;
    if (hasCode(error, 'NODE_FULL')) this.node.signal('no-space', reason);
    else if (hasCode(error, 'NODE_READ_ONLY')) this.node.signal('no-writes', reason);
    else if (hasCode(error, 'NODE_GONE') && error.details.reason === 'foreign') this.node.signal('stranger', reason);
    else this.node.signal('gone', reason);
  }

  #onChange({ from, to, signal }: NodeChange): void {
    const { clock } = this.#options;
    this.#stateSince = clock.monotonic();
    this.#freeBytesWhenFull = undefined;
    if (to === 'suspect') {
      // Silence ends with the answer that is waited for.
      if (signal === 'silent') this.#suspicions = 0;
      else this.#suspicions = this.#stateSince - this.#lastSuspect < calmMs ? this.#suspicions + 1 : 1;
      this.probeSoon(0);
      // A disk pulled and plugged in again within one interval answers the files opened before with errors for ever.
      void this.#rest();
    }
    // What is free now tells later whether room was made.
    if (to === 'full') this.probeSoon(0);
    if (from === 'suspect') this.#lastSuspect = this.#stateSince;
    if (isReadable(to) && !isReadable(from)) this.#arrive();
    if (!isReadable(to) && isReadable(from)) this.#leave();
  }

  #arrive(): void {
    const { watch, node, report } = this.#options;
    this.#lastFullProbe = Number.NEGATIVE_INFINITY;
    // Its space shall be known before anybody decides what to write there.
    this.#isTurnWanted = true;
    this.#watcher = watch({
      path: node.path,
      id: node.id,
      onDoubt: () => this.probeSoon(hintDebounceMs),
      onListing: () => this.#nextListing.within(hintDebounceMs),
      onTrouble: (error) => report(`${node.label}: its folders cannot be watched, going on without (${String(error)})`),
    });
  }

  #leave(): void {
    void this.#unwatch();
    void this.#release();
  }

  async #release(): Promise<void> {
    try {
      await this.node.unguarded.release();
    } catch (error) {
      // The disk is away: what could not be closed was not counted as durable.
      this.#options.report(`${this.node.label}: closing its files failed (${String(error)})`);
    }
  }

  async #unwatch(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    await watcher?.close();
  }

  async #restWhenIdle(): Promise<void> {
    const isIdle = this.#isIdle();
    if (isIdle && !this.#isResting) await this.#rest();
    this.#isResting = isIdle;
  }

  #isIdle(): boolean {
    const { clock, safety } = this.#options;
    return this.node.inFlight === 0 && clock.monotonic() - this.node.lastUse >= safety.idleCloseMs;
  }

  /** Closes what is open, but for files that are in use or not synced yet. */
  async #rest(): Promise<void> {
    try {
      await this.node.unguarded.idle?.();
    } catch (error) {
      this.#onProbeError(error);
    }
  }

  #hintListing(): void {
    const isAsleep = this.node.isSleepy && this.#isIdle();
    if (isReadable(this.node.state) && !isAsleep) this.#options.onListingHint();
    this.#nextListing.within(listingIntervalMs);
  }
}

/** Rings once, at the earliest of the times asked for since it rang last: what asks again and again cannot put it off. */
class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #due = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  within(delayMs: number): void {
    const due = this.#clock.monotonic() + delayMs;
    if (this.#isStopped || due >= this.#due) return;
    this.#cancel?.();
    this.#due = due;
    this.#cancel = this.#clock.schedule(delayMs, () => {
      this.#due = Number.POSITIVE_INFINITY;
      this.#ring();
    });
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }
}
