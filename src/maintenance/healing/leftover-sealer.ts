/**
 * Seals the segments that the opening before this one left open, at the end of the last chunk that counts. As long as
 * the place of any living chunk is not known none is sealed: it may lie behind that end, and what lies behind a seal is
 * cut off.
 */
import type { SegmentId } from '../../core/ids.js';
import type { Operation } from '../../meta/operations.js';
import type { MaintenanceHost } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';

const pageSegments = 500;

export class LeftoverSealer implements Worker {
  readonly name = 'seal';
  private readonly host: MaintenanceHost;
  private readonly onSealed: () => void;
  private readonly leftovers: SegmentId[] = [];

  /**
   * Made before anything is written: what the index calls open then is not open any more. `onSealed`: there are seals
   * without a hash now, and copies that nobody has read since.
   */
  constructor(host: MaintenanceHost, onSealed: () => void) {
    this.host = host;
    this.onSealed = onSealed;
    for (let after = ''; ; ) {
      const page = host.reader.segments(after, pageSegments);
      for (const segment of page) if (segment.state === 'open') this.leftovers.push(segment.id);
      if (page.length < pageSegments) return;
      after = page.at(-1)!.id;
    }
  }

  async step(): Promise<StepResult> {
    const { reader, clock } = this.host;
    if (this.leftovers.length === 0 || reader.chunksWithoutPlace(1).length > 0) return 'idle';
    const operations = this.leftovers.slice(0, pageSegments).flatMap((id): Operation[] => {
      const row = reader.segment(id);
      return row?.state === 'open' ? [{ o: 'seal', segment: id, length: row.lengthBytes, hash: null }] : [];
    });
    if (operations.length > 0) {
      await this.host.submit({ kind: 'operations', principal: '', now: clock.now(), operations });
      this.onSealed();
    }
    this.leftovers.splice(0, pageSegments);
    return 'worked';
  }
}
