/**
 * Whether a file in an attic may be unlinked: the last question before bytes are gone. It is asked of the index as it is
 * now, some time after the file was moved, so that a mistake that moved it has had time to show: a chunk without a place,
 * references that do not add up, a segment that lacks copies.
 */
import { hasCode } from '../../core/errors.js';
import type { SegmentRow } from '../../meta/rows.js';
import { segmentOfFileName } from '../../segment/segment-id.js';
import { scanSegment } from '../../segment/segment-scan.js';
import { lostNodes } from '../healing/grace.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { WaitingFile } from './attic.js';

/** Dead segments without a good copy, which wait to be retired, are among them. */
const mostLooked = 1_000;

export class AtticGuard {
  private readonly host: MaintenanceHost;
  /** Milliseconds since 1970 at which the references added up; what was moved before was moved by a sound index. */
  private soundAt = Number.NEGATIVE_INFINITY;
  private isAnyLost: boolean | undefined;
  private isUnsound = false;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  /** What was learnt of the index so far is old. */
  lookAgain(): void {
    this.isAnyLost = undefined;
    this.isUnsound = false;
  }

  /** A sentence with the next step; undefined when it may go. */
  async reasonToHold(node: MaintenanceNode, file: WaitingFile): Promise<string | undefined> {
    // Nothing was ever put here under another name: it is not ours to unlink.
    if (!file.was) return `${file.name} was not put there by this program; move it elsewhere`;
    if (file.was.folder !== 'segments') return undefined;
    const { reader } = this.host;
    if (reader.chunksWithoutPlace(1).length > 0) {
      return 'parts of some files lie on no node that is here; plug in every disk, then run "holdfast attic restore DIR --all"';
    }
    const segment = segmentOfFileName(file.was.name);
    const row = segment === undefined ? undefined : reader.segment(segment);
    if (row) {
      const good = row.replicas.filter(({ state }) => state === 'good').length;
      if (good < row.wanted || row.state !== 'sealed')
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
    if (this.isUnsound) return false;
    const now = this.host.clock.now();
    this.isUnsound = !(await this.host.addsUp());
    if (this.isUnsound) return false;
    this.soundAt = now;
    return true;
  }

  private isAnySegmentLost(): boolean {
    this.isAnyLost ??= this.host.reader
      .degraded({ wanted: 1, absent: lostNodes(this.host), limit: mostLooked })
      .some((row) => row.liveBytes > 0 && !this.isHeldWell(row.replicas));
    return this.isAnyLost;
  }

  /** A good copy on a disk that is lost is none. */
  private isHeldWell(replicas: SegmentRow['replicas']): boolean {
    const lost = lostNodes(this.host);
    return replicas.some(({ node, state }) => state === 'good' && !lost.includes(node));
  }

  /** Heads only: whether they verify is asked when it is restored. */
  private async holdsLostChunk({ store }: MaintenanceNode, file: WaitingFile, segment: string): Promise<boolean> {
    const read = (position: number, length: number) => store.read('attic', file.name, position, length);
    try {
      for await (const item of scanSegment({ segment, sizeBytes: file.sizeBytes, read, verifyPayload: false })) {
        if (item.kind !== 'record') continue;
        const known = this.host.reader.chunkPlace(item.place.chunk);
        if (known && !this.isHeldWell(known.replicas)) return true;
      }
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error;
    }
    return false;
  }
}
