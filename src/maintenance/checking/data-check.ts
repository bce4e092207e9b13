/**
 * Reads every copy of every sealed segment, or of a part of them, and verifies all of it. A bad copy is noted, so that it
 * is healed; which files are concerned is found out chunk by chunk. Clients go first.
 */
import { hash } from 'node:crypto';
import { DriveError, hasCode } from '../../core/errors.js';
import type { ChunkId, NodeId, SegmentId } from '../../core/ids.js';
import type { Progress } from '../../core/progress.js';
import type { SegmentRow } from '../../meta/rows.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import { chunksLackingOn, tellBadCopy } from './bad-copy-news.js';
import type { DataCheckReport } from './check-report.js';
import { examineChunks } from './examined-chunks.js';
import { noteProof, stateOf } from './note-proof.js';

/** Part `part` of `parts`, from 1; all parts together are everything. */
export interface DataPart {
  readonly part: number;
  readonly parts: number;
}

export interface DataCheckOptions extends DataPart {
  /** Only copies that were not proven since then, milliseconds since 1970. Default: all. */
  readonly provenBefore?: number | undefined;
  /** What is still being written is sealed first, so that all of it can be read and proven. Default: false. */
  readonly completes?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const pageSegments = 500;
const namedFiles = 100;
/** Sealing takes a moment; what is not sealed by then is read as far as files stand in it. */
const sealingMs = 10_000;
const lookMs = 50;

/** By the id alone, so that runs of different days cover all, whatever came in between. */
export function isInPart(segment: SegmentId, { part, parts }: DataPart): boolean {
  return hash('sha256', segment, 'buffer').readUInt32LE() % parts === part - 1;
}

export class DataCheck {
  private readonly host: MaintenanceHost;
  private readonly options: DataCheckOptions;
  private readonly pacer: Pacer;
  private readonly lost = new Set<ChunkId>();
  private readonly concerned = new Set<ChunkId>();
  private readonly degraded = new Set<string>();
  private readonly badCopies = new Set<string>();
  private totalBytes = 0;
  private readBytes = 0;
  private readCopies = 0;
  private unreadCopies = 0;
  private readonly unsealed: SegmentRow[] = [];

  constructor(host: MaintenanceHost, options: DataCheckOptions) {
    this.host = host;
    this.options = options;
    this.pacer = new Pacer(host);
  }

  /** ABORTED. */
  async run(): Promise<DataCheckReport> {
    if (this.options.completes) await this.complete();
    for (const row of this.rows()) this.totalBytes += row.lengthBytes * this.dueCopies(row).length;
    for (const row of this.rows()) {
      if (this.options.signal?.aborted) throw new DriveError('ABORTED');
      await this.checkSegment(row);
    }
    for (const chunk of this.lost) this.concerned.delete(chunk);
    const lost = await this.host.filesHolding(this.lost, namedFiles);
    const concerned = await this.host.filesHolding(this.concerned, namedFiles);
    const isLost = new Set(lost.paths);
    return {
      findings: lost.paths.map((path) => `${path} cannot be read whole: no copy of a part of it verifies`),
      degraded: [
        ...this.degraded,
        ...concerned.paths
          .filter((path) => !isLost.has(path))
          .map((path) => `${path} is whole, and one of its copies is not`),
      ],
      notes: this.notes(),
      readBytes: this.readBytes,
      readCopies: this.readCopies,
      unreadCopies: this.unreadCopies,
    };
  }

  counts(): { readonly readCopies: number; readonly readBytes: number; readonly badCopies: number } {
    const { readCopies, readBytes, badCopies } = this;
    return { readCopies, readBytes, badCopies: badCopies.size };
  }

  private notes(): string[] {
    const { length } = this.unsealed;
    if (length === 0) return [];
    const read = this.options.completes ? 'what files hold of them was read, and proves nothing yet' : 'were not read';
    return [`${length} segment(s) are still being written${this.options.completes ? ':' : ' and'} ${read}`];
  }

  /** Read before it is sealed as well: whoever seals may find the rot too, and have it healed before it has a name. */
  private async complete(): Promise<void> {
    const { segments, reader, clock } = this.host;
    for (const _ of this.rows()); // Finds those that are open.
    for (const row of this.unsealed) await this.checkOpen(row);
    for (const { segment } of segments.openSegments()) segments.seal(segment);
    const until = clock.monotonic() + sealingMs;
    const isOpen = ({ id }: SegmentRow) => reader.segment(id)?.state === 'open';
    while (this.unsealed.some(isOpen) && clock.monotonic() < until) {
      if (this.options.signal?.aborted) throw new DriveError('ABORTED');
      await clock.sleep(lookMs, { signal: this.options.signal });
    }
  }

  private *rows(): Generator<SegmentRow> {
    this.unsealed.length = 0;
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      for (const row of page) {
        if (!isInPart(row.id, this.options)) continue;
        if (row.state === 'sealed') yield row;
        else this.unsealed.push(row);
      }
      if (page.length < pageSegments) return;
      after = page.at(-1)!.id;
    }
  }

  private async checkSegment(row: SegmentRow): Promise<void> {
    const lacking = new Set<ChunkId>();
    let bad = 0;
    const due = this.dueCopies(row);
    let good = row.replicas.length - due.length;
    for (const id of due) {
      const time = this.host.clock.now();
      const before = stateOf(this.host, row.id, id);
      const node = this.host.nodes().find((candidate) => candidate.id === id);
      const state = node && isReadable(node.state) ? await this.stateOn(node, row) : 'unknown';
      if (!node || state === 'unknown') {
        this.unreadCopies += 1;
        this.degraded.add(`segment ${row.id} could not be read on ${node?.label ?? id}`);
        continue;
      }
      this.readCopies += 1;
      if (state === 'good') good += 1;
      const lacks = state === 'good' ? new Set<ChunkId>() : await chunksLackingOn(this.host, node, this.examining(row));
      const isNoted = await noteProof(this.host, { segment: row.id, node: id, before, time, state });
      if (!isNoted || state === 'good') continue;
      bad += 1;
      this.badCopies.add(`${row.id} ${id}`);
      for (const chunk of lacks) lacking.add(chunk);
      await tellBadCopy(this.host, { segment: row.id, node, state, lacks });
      this.degraded.add(`segment ${row.id} on ${node.label} is ${state}`);
    }
    if (good > 0) for (const chunk of lacking) this.concerned.add(chunk);
    else if (bad > 0) await this.findLost(row);
  }

  /** Chunk by chunk, where files refer to them: what lies between may be on its way to the disk. */
  private async checkOpen(row: SegmentRow): Promise<void> {
    let bad = 0;
    for (const { node: id, state } of row.replicas) {
      const node = this.host.nodes().find((candidate) => candidate.id === id);
      if (!node || state !== 'good' || !isReadable(node.state)) continue;
      this.readCopies += 1;
      this.readBytes += row.lengthBytes;
      this.totalBytes += row.lengthBytes;
      const lacks = await chunksLackingOn(this.host, node, this.examining(row));
      if (lacks.size === 0) continue;
      bad += 1;
      this.badCopies.add(`${row.id} ${id}`);
      await tellBadCopy(this.host, { segment: row.id, node, state: 'damaged', lacks });
      this.degraded.add(`segment ${row.id} on ${node.label} is damaged`);
    }
    if (bad > 0) await this.findLost(row);
  }

  private examining({ id: segment }: SegmentRow) {
    return { segment, signal: this.options.signal, pace: this.pacer.pace };
  }

  /** The nodes whose copies are to be read. */
  private dueCopies(row: SegmentRow): readonly NodeId[] {
    const { provenBefore } = this.options;
    if (provenBefore === undefined) return row.replicas.map(({ node }) => node);
    const proofs = this.host.reader.segmentProofs(row.id);
    return proofs.filter(({ state, proven }) => state !== 'good' || proven < provenBefore).map(({ node }) => node);
  }

  private async stateOn(
    node: MaintenanceNode,
    { id: segment, lengthBytes, hash: sum }: SegmentRow,
  ): Promise<Awaited<ReturnType<typeof verifyReplica>> | 'unknown'> {
    const pace = async (bytes: number) => {
      this.readBytes += bytes;
      this.options.onProgress?.({
        phase: 'reading copies',
        done: this.readBytes,
        total: this.totalBytes,
        unit: 'bytes',
      });
      await this.pacer.pace();
    };
    try {
      return await verifyReplica({ segment, lengthBytes, hash: sum, node, signal: this.options.signal, pace });
    } catch (error) {
      if (hasCode(error, 'UNAVAILABLE')) return 'unknown';
      throw error;
    }
  }

  /** No copy is good as a whole: which of the living chunks verify nowhere. */
  private async findLost(row: SegmentRow): Promise<void> {
    const nodes = this.host.nodes().filter(({ id }) => row.replicas.some(({ node }) => node === id));
    for await (const chunk of examineChunks(this.host, { ...this.examining(row), nodes })) {
      // Out of reach is not lost: the copy that is away may be good.
      if (chunk.good + chunk.unknown === 0) this.lost.add(chunk.chunk);
      else this.concerned.add(chunk.chunk);
    }
  }
}
