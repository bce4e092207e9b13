/**
 * Gives dead space back. A wholly dead segment is retired; others are emptied by writing their living chunks to a new
 * segment (cleaning-plan.ts says which). Nothing is deleted here: retiring is journaled first (checked again inside that
 * batch), then the files go through the gate when the nodes' listings are compared.
 */
import { asDriveError, DriveError } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { AppendedChunk } from '../../store/store-types.js';
import type { MaintenanceHost } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';
import { type CleaningPlan, isWorthEmptying, planCleaning, type SegmentFigures } from './cleaning-plan.js';

/** Less than this share of all room free counts as scarce. */
const scarceShare = 0.1;
/** Living chunks moved in one step. */
const stepBytes = 8 * 1024 * 1024;
const stepChunks = 1024;
const pageSegments = 500;
/** Between two looks at all segments, and only if something changed. */
const surveyMs = 2_000;
/** What could not be emptied (a chunk of it cannot be read, no room) is left alone for this long. */
const parkMs = 10 * 60_000;

export class Cleaner implements Worker {
  readonly name = 'clean';
  private readonly host: MaintenanceHost;
  private readonly onRetired: (segments: readonly SegmentId[]) => void;
  private readonly pacer: Pacer;
  private readonly parked = new Map<SegmentId, number>();
  private queue: SegmentId[] = [];
  private surveyedMs = Number.NEGATIVE_INFINITY;
  private surveyed = '';

  /** `onRetired`: their files wait for the gate now. */
  constructor(host: MaintenanceHost, onRetired: (segments: readonly SegmentId[]) => void) {
    this.host = host;
    this.onRetired = onRetired;
    this.pacer = new Pacer(host);
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    if (this.queue.length === 0) {
      const { dead, emptied } = await this.survey();
      this.queue = [...emptied];
      if (dead.length > 0) {
        // The figures may well be the same again when other segments have died.
        this.surveyed = '';
        await this.retire(dead);
      }
    }
    const segment = this.queue[0];
    if (segment === undefined) return 'idle';
    if (!(await this.empty(segment, signal))) this.queue.shift();
    return 'worked';
  }

  private async survey(): Promise<CleaningPlan> {
    const { clock, reader, segments } = this.host;
    const now = clock.monotonic();
    const isScarce = this.isScarce();
    for (const [segment, until] of this.parked) if (until <= now) this.parked.delete(segment);
    const figures = JSON.stringify([reader.counts(), isScarce, this.parked.size]);
    if (now - this.surveyedMs < surveyMs || figures === this.surveyed) return { dead: [], emptied: [] };
    this.surveyedMs = now;
    const found: SegmentFigures[] = [];
    let isAll = true;
    for (let after = ''; ; ) {
      const page = reader.segments(after, pageSegments);
      for (const { id, state, lengthBytes, liveBytes, wanted } of page) {
        if (state !== 'sealed' || this.parked.has(id)) continue;
        if (this.host.isInUse(id)) isAll = false;
        else found.push({ id, lengthBytes, liveBytes, wanted });
      }
      if (page.length < pageSegments) break;
      after = page.at(-1)!.id;
      await clock.sleep(0); // Requests come first.
    }
    // What was in use is looked at again, even if nothing else changes.
    this.surveyed = isAll ? figures : '';
    return planCleaning(found, { segmentBytes: segments.limits().segmentBytes, isScarce });
  }

  private async retire(segments: readonly SegmentId[]): Promise<void> {
    // Refused anyway: any of them may hold what is sought.
    if (this.host.reader.chunksWithoutPlace(1).length > 0) return;
    const pinned = segments.filter((segment) => this.host.isInUse(segment));
    const { retired = [] } = await this.host.submit({
      kind: 'retire',
      principal: '',
      now: this.host.clock.now(),
      segments,
      pinned,
    });
    if (retired.length > 0) this.onRetired(retired);
  }

  /** Moves some living chunks; true while there are more. */
  private async empty(segment: SegmentId, signal: AbortSignal): Promise<boolean> {
    const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
    if (!release) return false;
    try {
      const row = this.host.reader.segment(segment);
      const places = this.host.reader.segmentChunks(segment, -1, stepChunks);
      if (row?.state !== 'sealed' || places.length === 0) return false;
      if (places.length < stepChunks && !this.isWorth(row, places)) return false;
      return await this.moveLiving(row, places, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.parked.set(segment, this.host.clock.monotonic() + parkMs);
      this.host.report('warning', `segment ${segment} could not be cleaned: ${asDriveError(error).message}`);
      return false;
    } finally {
      release();
    }
  }

  /** Exactly, now that the number of living records is known; small segments are there to be merged. */
  private isWorth(row: SegmentRow, places: readonly ChunkPlace[]): boolean {
    const { segmentBytes } = this.host.segments.limits();
    if (row.lengthBytes < segmentBytes / 8) return true;
    return isWorthEmptying(row, { segmentBytes, isScarce: this.isScarce() }, places.length);
  }

  private async moveLiving(row: SegmentRow, places: readonly ChunkPlace[], signal: AbortSignal): Promise<boolean> {
    const nodes = row.replicas.filter((replica) => replica.state === 'good').map((replica) => replica.node);
    const from: ChunkPlace[] = [];
    const chunks: { id: string; plain: Buffer }[] = [];
    let bytes = 0;
    for (const place of places) {
      if (bytes >= stepBytes) break;
      chunks.push({ id: place.chunk, plain: await this.host.readChunk({ place, nodes }, signal) });
      from.push(place);
      bytes += place.plainBytes;
      await this.pacer.pace();
    }
    const { wanted } = row;
    const appended = await this.host.segments.append(chunks, { lane: 'clean', wanted, signal });
    await this.adopt(from, appended, Math.min(nodes.length, wanted));
    return chunks.length < places.length || places.length === stepChunks;
  }

  /**
   * The copies are durable, as many as there were and are wanted, and their segment is journaled before the index points
   * at them: from then on nothing keeps the old segment.
   */
  private async adopt(from: readonly ChunkPlace[], appended: readonly AppendedChunk[], copies: number): Promise<void> {
    const { segments, clock } = this.host;
    for (const chunk of appended) segments.pin(chunk.place.segment);
    try {
      const nodesOf = new Map(appended.map((chunk) => [chunk.place.segment, chunk.nodes]));
      const operations = [{ o: 'data', segments: [...nodesOf].map(([id, nodes]) => ({ id, nodes })) }] as const;
      await this.host.submit({ kind: 'operations', principal: '', now: clock.now(), operations }, appended);
      if (appended.some(({ place }) => segments.durableNodes(place).length < copies)) {
        throw new DriveError('UNAVAILABLE', { message: 'fewer nodes than before took its chunks' });
      }
      const moves = appended.map((chunk, index) => ({ from: from[index]!, to: chunk.place }));
      await this.host.withWriter((writer) => writer.movePlaces(moves));
    } finally {
      for (const chunk of appended) segments.unpin(chunk.place.segment);
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
