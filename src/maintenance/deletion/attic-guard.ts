/**
 * Whether a file in an attic may be unlinked: the last question before bytes are gone. It is asked of the index as it is
 * now, some time after the file was moved, so that a mistake that moved it has had time to show: a chunk without a place,
 * references that do not add up, a segment that lacks copies.
 */
import { hasCode } from '../../core/errors.js';
import { segmentOfFileName } from '../../segment/segment-id.js';
import { scanSegment } from '../../segment/segment-scan.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { WaitingFile } from './attic.js';

export class AtticGuard {
  private readonly host: MaintenanceHost;
  /** Milliseconds since 1970 at which the references added up; what was moved before was moved by a sound index. */
  private soundAt = Number.NEGATIVE_INFINITY;
  private isAnyLost: boolean | undefined;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  /** What was learnt of the index so far is old. */
  lookAgain(): void {
    this.isAnyLost = undefined;
  }

  /** A sentence with the next step; undefined when it may go. */
  async reasonToHold(node: MaintenanceNode, file: WaitingFile): Promise<string | undefined> {
    // Nothing was ever put here under another name: it is not ours to unlink.
    if (!file.was) return `${file.name} was not put there by this program; move it elsewhere`;
    if (file.was.folder !== 'segments') return undefined;
    const { reader, replicas } = this.host;
    if (reader.chunksWithoutPlace(1).length > 0) {
      return 'parts of some files lie on no node that is here; plug in every disk, then run "holdfast attic restore DIR --all"';
    }
    const segment = segmentOfFileName(file.was.name);
    const row = segment === undefined ? undefined : reader.segment(segment);
    if (row) {
      const good = row.replicas.filter(({ state }) => state === 'good').length;
      if (good < replicas || row.state !== 'sealed')
        return `segment ${row.id} lacks copies; what healing cannot make, "holdfast attic restore DIR --all" brings back`;
    }
    if (!(await this.addsUpSince(file.was.time))) {
      return 'the references in the index do not add up; run "holdfast check DIR", then "holdfast rebuild DIR"';
    }
    if (segment !== undefined && !row && this.isAnySegmentLost() && (await this.holdsLostChunk(node, file, segment))) {
      return `it holds parts of files that no other node has; run "holdfast attic restore DIR ${segment}"`;
    }
    return undefined;
  }

  private async addsUpSince(time: number): Promise<boolean> {
    if (time < this.soundAt) return true;
    const now = this.host.clock.now();
    if (!(await this.host.addsUp())) return false;
    this.soundAt = now;
    return true;
  }

  private isAnySegmentLost(): boolean {
    this.isAnyLost ??= this.host.reader
      .degraded({ wanted: 1, absent: [], limit: 1 })
      .some((row) => row.liveBytes > 0 && !row.replicas.some(({ state }) => state === 'good'));
    return this.isAnyLost;
  }

  /** Heads only: whether they verify is asked when it is restored. */
  private async holdsLostChunk({ store }: MaintenanceNode, file: WaitingFile, segment: string): Promise<boolean> {
    const read = (position: number, length: number) => store.read('attic', file.name, position, length);
    try {
      for await (const item of scanSegment({ segment, sizeBytes: file.sizeBytes, read, verifyPayload: false })) {
        if (item.kind !== 'record') continue;
        const known = this.host.reader.chunkPlace(item.place.chunk);
        if (known && !known.replicas.some(({ state }) => state === 'good')) return true;
      }
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error;
    }
    return false;
  }
}
