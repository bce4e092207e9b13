/**
 * Makes segments whole again: a copy that is missing, short or damaged on a node that is there is written anew from
 * verified records; a copy on a node that is lost is made on another node. Fewest good copies first, then what has
 * lacked one longest. What fails is parked with its reason and tried again later, or as soon as a node comes, goes, or takes data
 * again; it never stops the others. Nothing is remembered: after a restart what is left to do is in the index.
 */
import { asDriveError } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { copyTarget } from '../../store/copy-target.js';
import { placementTable } from '../../store/placement-table.js';
import { copySegment, verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable, takesNewData } from '../../store/store-node.js';
import type { BadCopy } from '../../store/store-types.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';
import { CopySpeed } from './copy-speed.js';
import { graceLeftMs, lostNodes } from './grace.js';

export interface HealStatus {
  readonly active: boolean;
  /** Segments found to lack good copies and not healed yet; some may wait for a node. */
  readonly queuedSegments: number;
  readonly healedSegments: number;
  readonly copiedBytes: number;
  /** As copying went lately, with its rests for clients; null while too little was copied to tell. */
  readonly bytesPerSecond: number | null;
  /** Milliseconds until the grace of an absent node is over; null when nothing waits for that. */
  readonly startsInMs: number | null;
  readonly parked: readonly { readonly segment: SegmentId; readonly reason: string }[];
}

const parkMs = 30_000;
/** Without any hint the index is asked this often. */
const lookMs = 10_000;
/** A segment whose node left while it was open is sealed in a moment, and no hint tells when. */
const lookForSealsMs = 1_000;
const queueLimit = 10_000;

type Healed = 'whole' | 'healed' | 'waiting';

export class Healer implements Worker {
  readonly name = 'heal';
  private readonly host: MaintenanceHost;
  private readonly pacer: Pacer;
  private readonly parked = new Map<SegmentId, { until: number; reason: string }>();
  /** Most urgent first; `waiting` were tried and need a node that is not there. */
  private queue: SegmentId[] = [];
  private waiting = 0;
  private lost: readonly NodeId[] = [];
  /** Of all nodes, as they were when the queue was filled. */
  private fitness = '';
  private isStale = true;
  private awaitsSeals = false;
  private lookedMs = Number.NEGATIVE_INFINITY;
  private current: SegmentId | undefined;
  private healed = 0;
  private copiedBytes = 0;
  private readonly speed = new CopySpeed();
  /** Since the first copy of this run; what stood in the counters then. */
  private run: { readonly sinceMs: number; readonly healed: number; readonly copiedBytes: number } | undefined;

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.pacer = new Pacer(host);
  }

  status(): HealStatus {
    return {
      active: this.current !== undefined,
      queuedSegments: this.queue.length + this.waiting + this.parked.size + (this.current === undefined ? 0 : 1),
      healedSegments: this.healed,
      copiedBytes: this.copiedBytes,
      bytesPerSecond: this.speed.bytesPerSecond,
      startsInMs: graceLeftMs(this.host),
      parked: [...this.parked].map(([segment, { reason }]) => ({ segment, reason })),
    };
  }

  /** Something changed: the next step asks the index anew. */
  lookAgain(): void {
    this.isStale = true;
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    this.look();
    const segment = this.queue.shift();
    if (segment === undefined) {
      this.tellEnd();
      return 'idle';
    }
    const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
    if (!release) {
      this.waiting += 1;
      return 'worked';
    }
    this.current = segment;
    try {
      const result = await this.heal(segment, signal);
      if (result === 'healed') this.healed += 1;
      if (result === 'waiting') this.waiting += 1;
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = asDriveError(error);
      this.parked.set(segment, { until: this.host.clock.monotonic() + parkMs, reason: message });
      this.host.report('warning', `segment ${segment} could not be healed now: ${message}`);
    } finally {
      this.current = undefined;
      release();
    }
    return 'worked';
  }

  /** Somebody asks for it: what failed waits no longer. */
  retry(): void {
    this.parked.clear();
    this.isStale = true;
  }

  /** Fills the queue when something changed, or when it ran empty and a while has passed. */
  private look(): void {
    const now = this.host.clock.monotonic();
    for (const [segment, { until }] of this.parked) {
      if (until > now) continue;
      this.parked.delete(segment);
      this.isStale = true;
    }
    const lost = lostNodes(this.host);
    const fitness = this.host.nodes().map((node) => fitnessOf(node, lost.includes(node.id)));
    const isSame = fitness.join() === this.fitness;
    const isDue = this.queue.length === 0 && now - this.lookedMs >= (this.awaitsSeals ? lookForSealsMs : lookMs);
    if (isSame && !this.isStale && !isDue) return;
    // What failed may have failed because of a node that has left, was filled or is well again since.
    if (!isSame) this.parked.clear();
    this.lost = lost;
    this.fitness = fitness.join();
    this.isStale = false;
    this.lookedMs = now;
    this.waiting = 0;
    const degraded = this.host.reader.degraded({ wanted: this.host.replicas, absent: lost, limit: queueLimit });
    this.awaitsSeals = degraded.some((row) => row.state === 'open');
    const healable = degraded.filter((row) => row.state === 'sealed' && !this.parked.has(row.id));
    this.queue = this.mostEndangeredFirst(healable).map((row) => row.id);
  }

  /** Fewest good copies, then the earliest loss; losses whose time nobody knows (rot, deleted files) come last. */
  private mostEndangeredFirst(rows: readonly SegmentRow[]): SegmentRow[] {
    const danger = rows.map((row) => {
      const counted = row.replicas.filter(({ node }) => !this.lost.includes(node) && !this.isElsewhere(node));
      const since = row.replicas
        .filter(({ node }) => this.lost.includes(node))
        .map(({ node }) => this.nodeOf(node)?.since ?? Number.POSITIVE_INFINITY);
      return {
        row,
        good: counted.filter(({ state }) => state === 'good').length,
        since: Math.min(Number.MAX_VALUE, ...since),
      };
    });
    return danger.sort((a, b) => a.good - b.good || a.since - b.since).map(({ row }) => row);
  }

  private async heal(segment: SegmentId, signal: AbortSignal): Promise<Healed> {
    const row = this.host.reader.segment(segment);
    if (row?.state !== 'sealed') return 'whole';
    const counted = row.replicas.filter(({ node }) => !this.lost.includes(node) && !this.isElsewhere(node));
    const bad = counted.filter(({ state }) => state !== 'good');
    const target = bad.map(({ node }) => this.nodeOf(node)).find((node) => node && takesNewData(node));
    if (target) {
      await this.repairInPlace(row, target, signal);
      // There may be more to do for it.
      this.queue.unshift(segment);
      return 'healed';
    }
    const kept = counted.filter(({ state }) => state === 'good');
    if (kept.length >= row.wanted && bad.length === 0) return 'whole';
    return this.copyElsewhere(
      row,
      kept.map(({ node }) => node),
      signal,
    );
  }

  /** Verified first, for it may have come back whole. Every other copy may give what verifies of it, bad ones too. */
  private async repairInPlace(row: SegmentRow, node: MaintenanceNode, signal: AbortSignal): Promise<void> {
    const { id: segment, lengthBytes, hash } = row;
    const state = await verifyReplica({ segment, lengthBytes, hash, node, signal, pace: this.pacer.pace });
    if (state !== 'good') await this.copy(row, node, signal);
    await this.host.withWriter((writer) => writer.setReplicaStates([{ segment, node: node.id, state: 'good' }]));
  }

  private async copyElsewhere(row: SegmentRow, kept: readonly NodeId[], signal: AbortSignal): Promise<Healed> {
    // Enough good copies, and a bad one where nothing can be written: it is only forgotten.
    const isEnough = kept.length >= row.wanted;
    const target = isEnough ? undefined : this.chooseTarget(row, kept);
    if (!isEnough && (!target || this.sources(row).length === 0)) return 'waiting';
    if (target) await this.copy(row, target, signal);
    const elsewhere = row.replicas.filter(({ node }) => this.isElsewhere(node)).map(({ node }) => node);
    const nodes = [...kept, ...(target ? [target.id] : []), ...elsewhere];
    const operations = [{ o: 'relocate', segment: row.id, nodes }] as const;
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
    // It may want more than one; those that wait have fewer, and come first.
    if (target && kept.length + 1 < row.wanted) this.queue.push(row.id);
    return 'healed';
  }

  private async copy(row: SegmentRow, to: MaintenanceNode, signal: AbortSignal): Promise<void> {
    this.tellBeginning();
    const { id: segment, lengthBytes, hash } = row;
    const badCopies: BadCopy[] = [];
    const onBadCopy = (copy: BadCopy) => badCopies.push(copy);
    try {
      const from = this.sources(row);
      const { pace } = this.pacer;
      const begunMs = this.host.clock.monotonic();
      const bytes = await copySegment({ segment, lengthBytes, hash, from, to, signal, onBadCopy, pace });
      this.speed.note(bytes, this.host.clock.monotonic() - begunMs);
      this.copiedBytes += bytes;
    } finally {
      await this.noteBadCopies(badCopies.filter(({ node }) => node !== to.id));
    }
  }

  private tellBeginning(): void {
    if (this.run) return;
    this.run = { sinceMs: this.host.clock.monotonic(), healed: this.healed, copiedBytes: this.copiedBytes };
    this.host.report(
      'info',
      `healing begins: segments with too few good copies: ${this.status().queuedSegments}`,
      'healing',
    );
  }

  private tellEnd(): void {
    if (!this.run) return;
    const { sinceMs, healed, copiedBytes } = this.run;
    this.run = undefined;
    const mebibytes = ((this.copiedBytes - copiedBytes) / 2 ** 20).toFixed(1);
    const seconds = ((this.host.clock.monotonic() - sinceMs) / 1000).toFixed(1);
    const left = this.waiting + this.parked.size;
    const rest = left === 0 ? '' : `; ${left} left to be tried again`;
    this.host.report(
      'info',
      `healing ends: ${this.healed - healed} healed, ${mebibytes} MiB in ${seconds} s${rest}`,
      'healed',
    );
  }

  private async noteBadCopies(copies: readonly BadCopy[]): Promise<void> {
    if (copies.length === 0) return;
    const states = copies.map(({ segment, node, problem }) => {
      const state = problem === 'io' ? ('damaged' as const) : problem;
      return { segment, node, state };
    });
    await this.host.withWriter((writer) => writer.setReplicaStates(states));
  }

  /** Good copies first; each record is verified, so a damaged copy gives what is whole of it. */
  private sources(row: SegmentRow): MaintenanceNode[] {
    return [...row.replicas]
      .sort((a, b) => Number(a.state !== 'good') - Number(b.state !== 'good'))
      .map((replica) => this.nodeOf(replica.node))
      .filter((node) => node !== undefined && isReadable(node.state)) as MaintenanceNode[];
  }

  private chooseTarget(row: SegmentRow, kept: readonly NodeId[]): MaintenanceNode | undefined {
    const used = new Map(this.host.reader.nodes().map((node) => [node.id, node.usedBytes]));
    const chosen = copyTarget({
      segment: row.id,
      lengthBytes: row.lengthBytes,
      holders: row.replicas.map(({ node }) => node),
      kept,
      nodes: placementTable(this.host.nodes(), (id) => used.get(id) ?? 0),
      reserveBytes: this.host.segments.limits().reserveBytes,
      by: 'room',
    });
    return chosen === undefined ? undefined : this.nodeOf(chosen);
  }

  /** A replica there counts for nothing, and stays. */
  private isElsewhere(id: NodeId): boolean {
    return this.nodeOf(id)?.role === 'away';
  }

  private nodeOf(id: NodeId): MaintenanceNode | undefined {
    return this.host.nodes().find((node) => node.id === id);
  }
}

/** What healing asks of a node, in one word to compare. */
const fitnessOf = (node: MaintenanceNode, isLost: boolean): string =>
  [node.id, isLost, isReadable(node.state), takesNewData(node)].join(' ');
