/**
 * Gives dead space back. A wholly dead segment is retired; the deadest others are emptied by writing their living
 * chunks to a new segment. Nothing is deleted here: retiring is journaled first (checked again inside that batch), then
 * the files go through the gate when the nodes' listings are compared.
 */
import type { SegmentRow } from '../meta/rows.js';
import type { ChunkPlace } from '../segment/chunk-place.js';
import type { AppendedChunk } from '../store/store-types.js';
import type { MaintenanceHost } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

/** Living share below which a segment is emptied; with little room left nearly any dead byte is worth the work. */
const usualThreshold = 0.5;
const scarceThreshold = 0.95;
/** Less than this share of all room free counts as scarce. */
const scarceShare = 0.1;
/** Living chunks moved in one step. */
const stepBytes = 8 * 1024 * 1024;
const pageSegments = 500;

export class Cleaner implements Worker {
  readonly name = 'clean';
  private readonly host: MaintenanceHost;
  private readonly onRetired: () => void;

  /** `onRetired`: files wait for the gate now. */
  constructor(host: MaintenanceHost, onRetired: () => void) {
    this.host = host;
    this.onRetired = onRetired;
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { dead, emptiest } = this.survey();
    if (dead.length > 0 && (await this.retire(dead))) return 'worked';
    if (!emptiest) return 'idle';
    await this.moveLiving(emptiest, signal);
    return 'worked';
  }

  private survey(): { dead: string[]; emptiest: SegmentRow | undefined } {
    const threshold = this.isScarce() ? scarceThreshold : usualThreshold;
    const dead: string[] = [];
    let emptiest: SegmentRow | undefined;
    let lowest = threshold;
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      for (const segment of page) {
        if (segment.state !== 'sealed' || this.host.isInUse(segment.id)) continue;
        const share = segment.lengthBytes === 0 ? 0 : segment.liveBytes / segment.lengthBytes;
        if (segment.liveBytes === 0) dead.push(segment.id);
        else if (share < lowest && segment.replicas.some((replica) => replica.state === 'good')) {
          lowest = share;
          emptiest = segment;
        }
      }
      if (page.length < pageSegments) return { dead, emptiest };
      after = page.at(-1)!.id;
    }
  }

  private async retire(segments: readonly string[]): Promise<boolean> {
    const pinned = segments.filter((segment) => this.host.isInUse(segment));
    const result = await this.host.submit({
      kind: 'retire',
      principal: '',
      now: this.host.clock.now(),
      segments,
      pinned,
    });
    const count = result.retired?.length ?? 0;
    if (count > 0) this.onRetired();
    return count > 0;
  }

  private async moveLiving(segment: SegmentRow, signal: AbortSignal): Promise<void> {
    const release = this.host.occupy(segment.id);
    const nodes = segment.replicas.filter((replica) => replica.state === 'good').map((replica) => replica.node);
    try {
      const from: ChunkPlace[] = [];
      const chunks: { id: string; plain: Buffer }[] = [];
      let bytes = 0;
      for (const place of this.host.reader.segmentChunks(segment.id, -1, 1024)) {
        if (bytes >= stepBytes) break;
        chunks.push({ id: place.chunk, plain: await this.host.readChunk({ place, nodes }, signal) });
        from.push(place);
        bytes += place.plainBytes;
      }
      const appended = await this.host.segments.append(chunks, { lane: 'clean', signal });
      await this.adopt(from, appended);
    } finally {
      release();
    }
  }

  /** The copies are durable and their segment journaled before the index points at them. */
  private async adopt(from: readonly ChunkPlace[], appended: readonly AppendedChunk[]): Promise<void> {
    for (const chunk of appended) this.host.segments.pin(chunk.place.segment);
    try {
      const segments = appended.map((chunk) => ({ id: chunk.place.segment, nodes: chunk.nodes }));
      const operations = [
        {
          o: 'data',
          segments: segments.filter((item, index) => segments.findIndex((other) => other.id === item.id) === index),
        },
      ] as const;
      await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations }, appended);
      const moves = appended.map((chunk, index) => ({ from: from[index]!, to: chunk.place }));
      await this.host.withWriter((writer) => writer.movePlaces(moves));
    } finally {
      for (const chunk of appended) this.host.segments.unpin(chunk.place.segment);
    }
  }

  private isScarce(): boolean {
    let freeBytes = 0;
    let totalBytes = 0;
    for (const { space } of this.host.nodes()) {
      freeBytes += space?.freeBytes ?? 0;
      totalBytes += space?.totalBytes ?? 0;
    }
    return totalBytes > 0 && freeBytes / totalBytes < scarceShare;
  }
}
