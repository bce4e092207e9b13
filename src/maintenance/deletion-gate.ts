/**
 * The one gate for every deletion. Nothing else moves or unlinks a node's file. It moves files to the node's attic,
 * where they wait; only the attic is ever unlinked, after a time or when the node needs the room.
 *
 * It demands: the caller's listing was complete (a listing that failed never gets here: `NodeStore.list` gives all or
 * throws); for a segment that is still referred to, as many verified copies elsewhere as the volume wants, read now;
 * for one that is not, that the index no longer knows it, asked again here; and that a run moves at most a stated share
 * of what the node holds. What exceeds the share waits for the next run.
 */
import { DriveError } from '../core/errors.js';
import type { NodeId, SegmentId } from '../core/ids.js';
import type { StoredFile } from '../node/node-store.js';
import { parseSegmentId, segmentFileName } from '../segment/segment-id.js';
import { verifyReplica } from '../store/read/segment-copy.js';
import { formatAtticName, parseAtticName } from './attic-name.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';

export interface GateRun {
  readonly moved: readonly SegmentId[];
  /** Left for the next run because of the share. */
  readonly postponed: number;
}

/** A run may always move this much: the share of a nearly empty node would be nothing. */
const freelyMovedBytes = 256 * 1024 * 1024;

export class DeletionGate {
  private readonly host: MaintenanceHost;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  /**
   * Moves segment files of one node to its attic. `files` and `listing` come from one complete listing. Segments that
   * the index still places on this node are refused (GATE_REFUSED): that would be a bug of the caller.
   */
  async removeSegments(
    node: MaintenanceNode,
    files: readonly StoredFile[],
    listing: readonly StoredFile[],
  ): Promise<GateRun> {
    const heldBytes = listing.reduce((sum, file) => sum + file.sizeBytes, 0);
    const allowedBytes = Math.max(freelyMovedBytes, heldBytes * this.host.safety.gateShare);
    const moved: SegmentId[] = [];
    let movedBytes = 0;
    for (const file of files) {
      if (movedBytes + file.sizeBytes > allowedBytes) break;
      const segment = file.name.slice(0, -segmentFileName('').length);
      await this.assertRemovable(node, segment);
      await node.store.move('segments', file.name, 'attic', this.atticName('segments', file.name));
      moved.push(segment);
      movedBytes += file.sizeBytes;
    }
    return { moved, postponed: files.length - moved.length };
  }

  /** Sets a copy aside that did not verify, so that a good one can take its name. The bad one stays in the attic. */
  async quarantine(node: MaintenanceNode, segment: SegmentId): Promise<void> {
    const name = segmentFileName(segment);
    await node.store.move('segments', name, 'attic', this.atticName('segments', name));
  }

  /** Journal files and checkpoints that a newer checkpoint on the same node replaces. The caller verified that one. */
  async removeSuperseded(
    node: MaintenanceNode,
    folder: 'journal' | 'checkpoints',
    names: readonly string[],
  ): Promise<void> {
    for (const name of names) await node.store.move(folder, name, 'attic', this.atticName(folder, name));
  }

  /** Unlinks what waited long enough, or, when room is needed, the oldest first until `neededBytes` are free. Returns the bytes. */
  async emptyAttic(node: MaintenanceNode, neededBytes: number): Promise<number> {
    const now = this.host.clock.now();
    const files = (await node.store.list('attic'))
      .map((file) => ({ file, movedAt: parseAtticName(file.name)?.time ?? now }))
      .sort((a, b) => a.movedAt - b.movedAt);
    let freedBytes = 0;
    for (const { file, movedAt } of files) {
      if (now - movedAt < this.host.safety.atticMs && freedBytes >= neededBytes) break;
      await node.store.remove('attic', file.name);
      freedBytes += file.sizeBytes;
    }
    return freedBytes;
  }

  private async assertRemovable(node: MaintenanceNode, segment: SegmentId): Promise<void> {
    const { reader } = this.host;
    if (this.host.isInUse(segment)) throw refused(segment, 'it is open or something reads or writes it');
    const row = reader.segment(segment);
    if (!row) {
      const { epoch } = parseSegmentId(segment);
      if (!reader.epochs().some((known) => known.id === epoch)) throw refused(segment, 'it is not of this history');
      return;
    }
    if (row.replicas.some((replica) => replica.node === node.id))
      throw refused(segment, 'the index places it on this node');
    if (row.state !== 'sealed') throw refused(segment, 'it is not sealed');
    await this.demandVerifiedCopies(
      segment,
      row.lengthBytes,
      row.hash,
      row.replicas.map((replica) => replica.node),
    );
  }

  private async demandVerifiedCopies(
    segment: SegmentId,
    lengthBytes: number,
    hash: string | null,
    holders: readonly NodeId[],
  ): Promise<void> {
    let good = 0;
    for (const node of this.host.nodes()) {
      if (!holders.includes(node.id)) continue;
      if ((await verifyReplica({ segment, lengthBytes, hash, node })) === 'good') good += 1;
      if (good >= this.host.replicas) return;
    }
    throw refused(segment, `only ${good} of ${this.host.replicas} other copies verified`);
  }

  private atticName(folder: 'segments' | 'journal' | 'checkpoints', name: string): string {
    return formatAtticName({ time: this.host.clock.now(), folder, name });
  }
}

function refused(segment: SegmentId, reason: string): DriveError {
  return new DriveError('GATE_REFUSED', {
    message: `segment ${segment} is not deleted: ${reason}`,
    details: { segment, reason },
  });
}
