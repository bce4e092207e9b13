/**
 * Reads every copy of every sealed segment, or of a part of them, and verifies all of it. A bad copy is noted, so that it
 * is healed; which files are concerned is found out chunk by chunk. Clients go first.
 */
import { hash } from 'node:crypto';
import { DriveError, hasCode } from '../../core/errors.js';
import type { ChunkId, NodeId, SegmentId } from '../../core/ids.js';
import type { Progress } from '../../core/progress.js';
import type { SegmentRow } from '../../meta/rows.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { DataCheckReport } from './check-report.js';

/** Part `part` of `parts`, from 1; all parts together are everything. */
export interface DataPart {
  readonly part: number;
  readonly parts: number;
}

export interface DataCheckOptions extends DataPart {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

const pageSegments = 500;
const pageChunks = 1_000;
const namedFiles = 100;

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
  private readonly degraded: string[] = [];
  private totalBytes = 0;
  private readBytes = 0;
  private readCopies = 0;
  private unsealed = 0;

  constructor(host: MaintenanceHost, options: DataCheckOptions) {
    this.host = host;
    this.options = options;
    this.pacer = new Pacer(host);
  }

  /** ABORTED. */
  async run(): Promise<DataCheckReport> {
    for (const row of this.rows()) this.totalBytes += row.lengthBytes * row.replicas.length;
    for (const row of this.rows()) {
      if (this.options.signal?.aborted) throw new DriveError('ABORTED');
      await this.checkSegment(row);
    }
    const { reader } = this.host;
    for (const chunk of this.lost) this.concerned.delete(chunk);
    const named = (chunks: ReadonlySet<ChunkId>) =>
      chunks.size === 0 ? [] : reader.filesHolding(chunks, namedFiles).map((path) => `/${path.join('/')}`);
    return {
      findings: named(this.lost).map((path) => `${path} cannot be read whole: no copy of a part of it verifies`),
      degraded: [
        ...this.degraded,
        ...named(this.concerned).map((path) => `${path} is whole, and one of its copies is not`),
      ],
      notes: this.unsealed === 0 ? [] : [`${this.unsealed} segment(s) are still being written and were not read`],
      readBytes: this.readBytes,
      readCopies: this.readCopies,
    };
  }

  private *rows(): Generator<SegmentRow> {
    this.unsealed = 0;
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      for (const row of page) {
        if (!isInPart(row.id, this.options)) continue;
        if (row.state === 'sealed') yield row;
        else this.unsealed += 1;
      }
      if (page.length < pageSegments) return;
      after = page.at(-1)!.id;
    }
  }

  private async checkSegment(row: SegmentRow): Promise<void> {
    const bad: MaintenanceNode[] = [];
    let good = 0;
    for (const { node: id } of row.replicas) {
      const node = this.host.nodes().find((candidate) => candidate.id === id);
      const state = node && isReadable(node.state) ? await this.stateOn(node, row) : 'unknown';
      if (!node || state === 'unknown') {
        this.degraded.push(`segment ${row.id} could not be read on ${node?.label ?? id}`);
        continue;
      }
      this.readCopies += 1;
      if (state === 'good') good += 1;
      else if (await this.isStillWanted(row, node.id)) {
        bad.push(node);
        this.degraded.push(`segment ${row.id} on ${node.label} is ${state}`);
        await this.host.withWriter((writer) => writer.setReplicaStates([{ segment: row.id, node: id, state }]));
      }
    }
    if (bad.length > 0) await this.findChunks(row, bad, good);
  }

  /** It may have been cleaned, or moved, while it was read. */
  private async isStillWanted({ id }: SegmentRow, node: NodeId): Promise<boolean> {
    return this.host.reader.segment(id)?.replicas.some((replica) => replica.node === node) ?? false;
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

  /** With a good copy the living chunks that the bad ones lack; without, those that verify nowhere. */
  private async findChunks(row: SegmentRow, bad: readonly MaintenanceNode[], good: number): Promise<void> {
    const nodes = good > 0 ? bad.map(({ id }) => id) : row.replicas.map(({ node }) => node);
    for (let after = -1; ; ) {
      const places = this.host.reader.segmentChunks(row.id, after, pageChunks);
      for (const place of places) {
        if (good > 0) {
          for (const node of nodes) if (!(await this.isReadable(place, [node]))) this.concerned.add(place.chunk);
        } else if (!(await this.isReadable(place, nodes))) this.lost.add(place.chunk);
        else this.concerned.add(place.chunk);
      }
      if (places.length < pageChunks) return;
      after = places.at(-1)!.offset;
    }
  }

  private async isReadable(place: ChunkPlace, nodes: readonly NodeId[]): Promise<boolean> {
    const signal = this.options.signal ?? new AbortController().signal;
    try {
      await this.host.readChunk({ place, nodes }, signal);
      return true;
    } catch (error) {
      // Out of reach is not lost: the copy that is away may be good.
      if (hasCode(error, 'UNAVAILABLE')) return true;
      if (hasCode(error, 'DAMAGED', 'CORRUPT')) return false;
      throw error;
    }
  }
}
