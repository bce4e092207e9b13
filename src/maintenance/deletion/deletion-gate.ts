/**
 * The one gate for every deletion. Nothing else moves or unlinks a node's file. It moves files to the node's attic,
 * where they wait; only the attic is ever unlinked, after a time or when the node needs the room.
 *
 * It demands: the caller's listing was complete (a listing that failed never gets here: `NodeStore.list` gives all or
 * throws); that the place of every living chunk is known; for a segment that is still referred to, as many copies
 * elsewhere as the volume wants, verified now; for one that is not, that the index does not know it, asked again here;
 * and that a run moves at most a stated share of what the node holds. What exceeds the share waits for a later run.
 */
import { hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { parseSegmentId, segmentOfFileName } from '../../segment/segment-id.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { isReadable, type StoredFile } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import { formatAtticName, parseAtticName } from './attic-name.js';

export interface GateRun {
  readonly moved: readonly SegmentId[];
  readonly refused: readonly { readonly segment: SegmentId; readonly reason: string }[];
  /** Left for a later run because of the share. */
  readonly postponed: number;
}

export interface SegmentRemoval {
  readonly node: MaintenanceNode;
  readonly files: readonly StoredFile[];
  /** The whole listing that `files` were taken from. */
  readonly listing: readonly StoredFile[];
  readonly signal?: AbortSignal | undefined;
}

/** A run may always move this much: the share of a nearly empty node would be nothing. */
export const freelyMovedBytes = 256 * 1024 * 1024;

export class DeletionGate {
  private readonly host: MaintenanceHost;
  private readonly pacer: Pacer;
  private readonly waitingBytes = new Map<NodeId, number>();

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.pacer = new Pacer(host);
  }

  /** Bytes in a node's attic: they count as free, and are given back when room is needed. */
  atticBytes(node: NodeId): number {
    return this.waitingBytes.get(node) ?? 0;
  }

  /** Moves segment files of one node to its attic, as far as they may go. */
  async removeSegments({ node, files, listing, signal }: SegmentRemoval): Promise<GateRun> {
    const heldBytes = listing.reduce((sum, file) => sum + file.sizeBytes, 0);
    const allowedBytes = Math.max(freelyMovedBytes, heldBytes * this.host.safety.gateShare);
    const moved: SegmentId[] = [];
    const refused: { segment: SegmentId; reason: string }[] = [];
    let movedBytes = 0;
    for (const file of files) {
      if (signal?.aborted || movedBytes + file.sizeBytes > allowedBytes) break;
      const segment = segmentOfFileName(file.name)!;
      const reason = await this.moveSegment(node, segment, file, signal);
      if (reason !== undefined) {
        refused.push({ segment, reason });
        continue;
      }
      moved.push(segment);
      movedBytes += file.sizeBytes;
    }
    return { moved, refused, postponed: files.length - moved.length - refused.length };
  }

  /** Journal files and checkpoints that a newer checkpoint on the same node replaces. The caller verified that one. */
  async removeSuperseded(
    node: MaintenanceNode,
    folder: 'journal' | 'checkpoints',
    files: readonly StoredFile[],
  ): Promise<void> {
    for (const file of files) await this.moveToAttic(node, folder, file);
  }

  /** Unlinks what waited long enough, or, when room is needed, the oldest first until `neededBytes` are free. Returns the bytes. */
  async emptyAttic(node: MaintenanceNode, neededBytes: number): Promise<number> {
    const now = this.host.clock.now();
    const files = (await node.store.list('attic'))
      .map((file) => ({ file, movedAt: parseAtticName(file.name)?.time ?? now }))
      .sort((a, b) => a.movedAt - b.movedAt);
    let restBytes = files.reduce((sum, { file }) => sum + file.sizeBytes, 0);
    let freedBytes = 0;
    this.waitingBytes.set(node.id, restBytes);
    for (const { file, movedAt } of files) {
      if (now - movedAt < this.host.safety.atticMs && freedBytes >= neededBytes) break;
      await node.store.remove('attic', file.name);
      freedBytes += file.sizeBytes;
      restBytes -= file.sizeBytes;
      this.waitingBytes.set(node.id, restBytes);
    }
    return freedBytes;
  }

  /** undefined when it was moved; else why not. */
  private async moveSegment(
    node: MaintenanceNode,
    segment: SegmentId,
    file: StoredFile,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const release = this.host.occupy(segment);
    if (!release) return 'a worker has it';
    try {
      const row = this.host.reader.segment(segment);
      const reason =
        this.reasonToKeep(node, segment, row) ?? (row ? await this.demandVerifiedCopies(row, signal) : undefined);
      if (reason !== undefined) return reason;
      // Verifying takes seconds, and nodes join and leave meanwhile.
      const changed = this.reasonToKeep(node, segment, this.host.reader.segment(segment));
      if (changed !== undefined) return changed;
      await this.moveToAttic(node, 'segments', file);
      return undefined;
    } finally {
      release();
    }
  }

  private reasonToKeep(node: MaintenanceNode, segment: SegmentId, row: SegmentRow | undefined): string | undefined {
    const { reader } = this.host;
    if (this.host.isWritten(segment)) return 'it is being written';
    if (reader.chunksWithoutPlace(1).length > 0) return 'the place of a living chunk is not known';
    if (row) {
      if (row.replicas.some((replica) => replica.node === node.id)) return 'the index places it on this node';
      return row.state === 'sealed' ? undefined : 'it is not sealed';
    }
    const { epoch } = parseSegmentId(segment);
    return reader.epochs().some((known) => known.id === epoch) ? undefined : 'it is not of this history';
  }

  /** Copies found bad are noted, so that they are healed; undefined when enough verified. */
  private async demandVerifiedCopies(row: SegmentRow, signal: AbortSignal | undefined): Promise<string | undefined> {
    const { id: segment, lengthBytes, hash, replicas } = row;
    let good = 0;
    for (const node of this.host.nodes()) {
      if (good >= this.host.replicas) break;
      if (!isReadable(node.state) || !replicas.some((replica) => replica.node === node.id)) continue;
      const state = await this.stateOn(node, { segment, lengthBytes, hash }, signal);
      if (state === 'good') good += 1;
      else if (state !== 'unknown') {
        await this.host.withWriter((writer) => writer.setReplicaStates([{ segment, node: node.id, state }]));
      }
    }
    return good >= this.host.replicas
      ? undefined
      : `only ${good} of ${this.host.replicas} copies on other nodes verified`;
  }

  private async stateOn(
    node: MaintenanceNode,
    check: { segment: SegmentId; lengthBytes: number; hash: string | null },
    signal: AbortSignal | undefined,
  ): Promise<Awaited<ReturnType<typeof verifyReplica>> | 'unknown'> {
    try {
      return await verifyReplica({ ...check, node, signal, pace: this.pacer.pace });
    } catch (error) {
      if (hasCode(error, 'UNAVAILABLE')) return 'unknown';
      throw error;
    }
  }

  private async moveToAttic(
    node: MaintenanceNode,
    folder: 'segments' | 'journal' | 'checkpoints',
    { name, sizeBytes }: StoredFile,
  ): Promise<void> {
    await node.store.move(folder, name, 'attic', formatAtticName({ time: this.host.clock.now(), folder, name }));
    this.waitingBytes.set(node.id, this.atticBytes(node.id) + sizeBytes);
  }
}
