/**
 * Reads every copy of every sealed segment again and again, the one whose last proof is oldest first, so that rot is
 * found while another copy is still good. A bad copy is named with its files, noted, and healed from a verified one. What
 * was proven when stands in the index, so a restart goes on where it was.
 */
import { hasCode } from '../../core/errors.js';
import type { ChunkId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable } from '../../store/store-node.js';
import { chunksLackingOn, tellBadCopy } from '../checking/bad-copy-news.js';
import { noteProof } from '../checking/note-proof.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';

export interface ScrubStatus {
  /** Copies and bytes read since the start of the program. */
  readonly readCopies: number;
  readonly readBytes: number;
  readonly badCopies: number;
  /** Each byte is proven again within this time, if the machine runs. */
  readonly periodMs: number;
  /** Not faster than this; while clients are served, a quarter of a disk's time at most. */
  readonly bytesPerSecond: number;
}

/** Not slower than this even on a small volume: a new one is proven soon. */
const leastBytesPerSecond = 4 * 1024 * 1024;
/** What could not be read now is asked for again after this. */
const postponedMs = 600_000;

export class Scrubber implements Worker {
  readonly name = 'scrub';
  private readonly host: MaintenanceHost;
  private readonly pacer: Pacer;
  private readonly onBadCopy: () => void;
  private readonly postponed = new Map<string, number>();
  /** When each open segment was first seen. */
  private readonly openSince = new Map<SegmentId, number>();
  private readCopies = 0;
  private readBytes = 0;
  private badCopies = 0;

  /** `onBadCopy`: there is something to heal. */
  constructor(host: MaintenanceHost, onBadCopy: () => void) {
    this.host = host;
    this.pacer = new Pacer(host);
    this.onBadCopy = onBadCopy;
  }

  status(): ScrubStatus {
    const { readCopies, readBytes, badCopies } = this;
    const { bytesPerSecond } = this;
    return { readCopies, readBytes, badCopies, periodMs: this.host.safety.scrubPeriodMs, bytesPerSecond };
  }

  /** What was read because somebody asked for it. */
  count({ readCopies, readBytes, badCopies }: Pick<ScrubStatus, 'readCopies' | 'readBytes' | 'badCopies'>): void {
    this.readCopies += readCopies;
    this.readBytes += readBytes;
    this.badCopies += badCopies;
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    this.sealOld();
    const next = this.next();
    if (!next) return 'idle';
    await this.prove(next.row, next.node, signal);
    return 'worked';
  }

  /** A segment that is hardly written to is never full, and only what is sealed is read. */
  private sealOld(): void {
    const { clock, safety, segments } = this.host;
    const now = clock.monotonic();
    const open = new Set(segments.openSegments().map(({ segment }) => segment));
    for (const segment of this.openSince.keys()) if (!open.has(segment)) this.openSince.delete(segment);
    for (const segment of open) {
      const since = this.openSince.get(segment) ?? now;
      this.openSince.set(segment, since);
      if (now - since >= safety.scrubPeriodMs / 4) segments.seal(segment);
    }
  }

  /** A proof is renewed after half of the period, so that the other half is there for whatever comes in between. */
  private next(): { row: SegmentRow; node: MaintenanceNode } | undefined {
    const { clock, reader, safety } = this.host;
    const now = clock.monotonic();
    for (const [key, until] of this.postponed) if (until <= now) this.postponed.delete(key);
    const nodes = this.host.nodes().filter((node) => isReadable(node.state) && node.state !== 'suspect');
    const before = clock.now() - safety.scrubPeriodMs / 2;
    const limit = this.postponed.size + 1;
    for (const { segment, node: id } of reader.oldestProofs({ nodes: nodes.map((node) => node.id), before, limit })) {
      if (this.postponed.has(`${segment} ${id}`)) continue;
      const row = reader.segment(segment);
      const node = nodes.find((candidate) => candidate.id === id);
      if (row && node) return { row, node };
    }
    return undefined;
  }

  private async prove(row: SegmentRow, node: MaintenanceNode, signal: AbortSignal): Promise<void> {
    const { clock } = this.host;
    const { id: segment, lengthBytes, hash } = row;
    const time = clock.now();
    try {
      const pace = (bytes: number) => this.pace(bytes, signal);
      const state = await verifyReplica({ segment, lengthBytes, hash, node, signal, pace });
      this.readCopies += 1;
      const examination = { segment, signal, pace: this.pacer.pace };
      const lacks = state === 'good' ? new Set<ChunkId>() : await chunksLackingOn(this.host, node, examination);
      const isNoted = await noteProof(this.host, { segment, node: node.id, before: 'good', time, state });
      if (!isNoted || state === 'good') return;
      this.badCopies += 1;
      this.onBadCopy();
      await tellBadCopy(this.host, { segment, node, state, lacks });
    } catch (error) {
      // Its node leaves, or stutters: others are read meanwhile.
      if (!hasCode(error, 'UNAVAILABLE')) throw error;
      this.postponed.set(`${segment} ${node.id}`, clock.monotonic() + postponedMs);
    }
  }

  /** A quarter of the period is enough for everything. */
  private get bytesPerSecond(): number {
    const stored = this.host.reader.nodes().reduce((sum, node) => sum + node.usedBytes, 0);
    return Math.max(leastBytesPerSecond, (4_000 * stored) / this.host.safety.scrubPeriodMs);
  }

  /** As slow as the period allows, and slower while clients are served. */
  private async pace(bytes: number, signal: AbortSignal): Promise<void> {
    this.readBytes += bytes;
    await this.pacer.pace();
    await this.host.clock.sleep((bytes / this.bytesPerSecond) * 1_000, { signal });
  }
}
