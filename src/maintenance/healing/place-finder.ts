/**
 * Finds living chunks whose place the index does not know: after a crash the index may know of a chunk from the journal
 * while its segment's nodes were away, or may have forgotten where the cleaner moved it. The segments' own records say.
 */
import { hasCode } from '../../core/errors.js';
import type { SegmentRow } from '../../meta/rows.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { segmentFileName } from '../../segment/segment-id.js';
import { scanSegment } from '../../segment/segment-scan.js';
import { isReadable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';

const pageSegments = 500;
/** All was read and some places are still not known: read again when a node arrives, or after this. */
const againMs = 60_000;

export class PlaceFinder implements Worker {
  readonly name = 'find-places';
  private readonly host: MaintenanceHost;
  private searchedMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  /** A node came: it may hold what is sought. */
  lookAgain(): void {
    this.searchedMs = Number.NEGATIVE_INFINITY;
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const { reader, clock } = this.host;
    if (clock.monotonic() - this.searchedMs < againMs || reader.chunksWithoutPlace(1).length === 0) return 'idle';
    this.searchedMs = clock.monotonic();
    for (let after = ''; ; ) {
      const page = reader.segments(after, pageSegments);
      for (const row of page) {
        if (signal.aborted) return 'idle';
        if (!(await this.search(row))) return 'worked';
      }
      if (page.length < pageSegments) break;
      after = page.at(-1)!.id;
    }
    this.host.report(
      'warning',
      'parts of some files lie on no node that is here; they are looked for when a node comes',
    );
    return 'worked';
  }

  /** False when nothing is sought any more. */
  private async search(row: SegmentRow): Promise<boolean> {
    for (const { node: id } of row.replicas) {
      const node = this.host.nodes().find((candidate) => candidate.id === id && isReadable(candidate.state));
      const places = node ? await this.scan(row, node) : [];
      if (places.length === 0) continue;
      await this.host.withWriter((writer) => writer.addPlaces(places));
      if (row.state === 'sealed') break; // Copies of an open one end in different places.
    }
    return this.host.reader.chunksWithoutPlace(1).length > 0;
  }

  private async scan(row: SegmentRow, { store }: MaintenanceNode): Promise<ChunkPlace[]> {
    const name = segmentFileName(row.id);
    const places: ChunkPlace[] = [];
    try {
      const sizeBytes =
        row.state === 'sealed'
          ? row.lengthBytes
          : ((await store.list('segments')).find((file) => file.name === name)?.sizeBytes ?? 0);
      const read = (position: number, length: number) => store.read('segments', name, position, length);
      for await (const item of scanSegment({ segment: row.id, sizeBytes, read, verifyPayload: false })) {
        if (item.kind === 'record' && item.condition === 'whole') places.push(item.place);
      }
    } catch (error) {
      // Another copy, or another time, may say what this one does not.
      if (!hasCode(error, 'CORRUPT', 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) throw error;
    }
    return places;
  }
}
