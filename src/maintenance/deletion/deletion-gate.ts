/**
 * The one gate for every deletion. Nothing else moves, cuts or unlinks a node's file (test/tidy holds the list). It moves
 * files to the node's attic, where they wait; only the attic is ever unlinked (attic.ts), after a time or when the node
 * needs the room.
 *
 * It believes no caller. It demands: a listing of its own that says the same (one that fails ends the run: `NodeStore.list`
 * gives all or throws); that the place of every living chunk is known; for a segment that is still referred to, as many
 * copies elsewhere as it wants and as the files in it need, verified now; for one that is not, that the index does not
 * know it, asked again here, and that the node knows of nothing newer than the index; and that a run moves at most a stated share of what the
 * node holds. What exceeds the share waits for a later run.
 */
import { DriveError, hasCode } from '../../core/errors.js';
import type { SegmentId } from '../../core/ids.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import { mostNeeds } from '../../meta/protection/segment-needs.js';
import type { SegmentRow } from '../../meta/rows.js';
import { parseCheckpointName } from '../../segment/checkpoint-name.js';
import { parseJournalFileName } from '../../segment/journal-file-name.js';
import { parseSegmentId, segmentFileName, segmentOfFileName } from '../../segment/segment-id.js';
import { checkpointPieces } from '../../store/journal/node-checkpoints.js';
import { verifyReplica } from '../../store/read/segment-copy.js';
import { countsAsCopy, isReadable, isWritable, type StoredFile } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { Attic } from './attic.js';

export interface GateRun {
  readonly moved: readonly SegmentId[];
  readonly refused: readonly { readonly segment: SegmentId; readonly reason: string }[];
  /** Left for a later run because of the share. */
  readonly postponed: number;
}

export interface SegmentRemoval {
  readonly node: MaintenanceNode;
  readonly files: readonly StoredFile[];
  readonly signal?: AbortSignal | undefined;
}

/** A run may always move this much: the share of a nearly empty node would be nothing. */
export const freelyMovedBytes = 256 * 1024 * 1024;
/** Numbers past the index's last batch that a journal file may begin with: a batch under way, epochs that failed. */
const numbersUnderWay = 8;

type Needs = Pick<ReadonlySet<SegmentId>, 'has'>;

export class DeletionGate {
  private readonly host: MaintenanceHost;
  private readonly attic: Attic;
  private readonly pacer: Pacer;

  constructor(host: MaintenanceHost, attic: Attic) {
    this.host = host;
    this.attic = attic;
    this.pacer = new Pacer(host);
  }

  /** Moves segment files of one node to its attic, as far as they may go. */
  async removeSegments({ node, files, signal }: SegmentRemoval): Promise<GateRun> {
    const present = new Map((await node.store.list('segments')).map((file) => [file.name, file.sizeBytes]));
    const heldBytes = [...present.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const allowedBytes = Math.max(freelyMovedBytes, heldBytes * this.host.safety.gateShare);
    const isNewer = await this.isNewerThanIndex(node);
    const needs = await this.needsOf(files, signal);
    const moved: SegmentId[] = [];
    const refused: { segment: SegmentId; reason: string }[] = [];
    let movedBytes = 0;
    for (const file of files) {
      if (signal?.aborted || movedBytes + file.sizeBytes > allowedBytes) break;
      const segment = segmentOfFileName(file.name)!;
      const isAsSaid = present.get(file.name) === file.sizeBytes;
      const reason = isAsSaid
        ? await this.moveSegment({ node, segment, file, isNewer, needs }, signal)
        : 'the listing says something else of it now';
      if (reason !== undefined) {
        refused.push({ segment, reason });
        continue;
      }
      moved.push(segment);
      movedBytes += file.sizeBytes;
    }
    return { moved, refused, postponed: files.length - moved.length - refused.length };
  }

  /**
   * Journal files and checkpoints that the checkpoints `kept` (newest first) on the same node replace. GATE_REFUSED,
   * with nothing moved, unless these verify on the node now and none of the files is needed beside them.
   */
  async removeSuperseded(
    node: MaintenanceNode,
    { kept, checkpoints, journal }: Record<'kept' | 'checkpoints' | 'journal', readonly string[]>,
  ): Promise<void> {
    if (checkpoints.length + journal.length === 0) return;
    const oldest = parseCheckpointName(kept.at(-1) ?? '')?.sequence;
    if (oldest === undefined) throw refusal(node, 'no checkpoint would be left');
    const files = { checkpoints: await node.store.list('checkpoints'), journal: await node.store.list('journal') };
    const firsts = files.journal.map(({ name }) => parseJournalFileName(name)?.firstSequence ?? -1);
    for (const name of checkpoints) {
      const sequence = parseCheckpointName(name)?.sequence;
      if (kept.includes(name) || sequence === undefined || sequence > oldest) throw refusal(node, `${name} is needed`);
    }
    for (const name of journal) {
      const first = parseJournalFileName(name)?.firstSequence ?? Number.MAX_SAFE_INTEGER;
      const isReplaced = firsts.some((other) => other > first && other <= oldest + 1);
      if (!isReplaced) throw refusal(node, `no checkpoint holds what ${name} holds`);
    }
    for (const name of kept) await this.demandWhole(node, name);
    for (const folder of ['checkpoints', 'journal'] as const) {
      const wanted = folder === 'journal' ? journal : checkpoints;
      const found = files[folder].filter(({ name }) => wanted.includes(name));
      for (const file of found) await this.attic.take(node, { folder, reason: 'superseded', file });
    }
  }

  /**
   * Cuts what lies behind the seal of a sealed segment, where the index places it; only when all below the seal verifies,
   * so that a wrong length or a wrong file cuts nothing. False when it did not.
   */
  async cutBehindSeal(node: MaintenanceNode, segment: SegmentId, signal?: AbortSignal): Promise<boolean> {
    // While the place of a living chunk is not known, it may lie right there.
    if (!isWritable(node.state) || this.host.isWritten(segment) || !this.isEveryPlaceKnown()) return false;
    const release = this.host.occupy(segment);
    if (!release) return false;
    try {
      const row = this.host.reader.segment(segment);
      if (row?.state !== 'sealed' || !row.replicas.some((replica) => replica.node === node.id)) return false;
      if ((await this.stateOn(node, row, signal)) !== 'good') return false;
      if (this.host.reader.segment(segment)?.lengthBytes !== row.lengthBytes || !this.isEveryPlaceKnown()) return false;
      await node.store.cut('segments', segmentFileName(segment), row.lengthBytes);
      return true;
    } finally {
      release();
    }
  }

  /** undefined when it was moved; else why not. */
  private async moveSegment(
    {
      node,
      segment,
      file,
      isNewer,
      needs,
    }: Pick<SegmentRemoval, 'node'> & {
      readonly segment: SegmentId;
      readonly file: StoredFile;
      readonly isNewer: boolean;
      readonly needs: Needs;
    },
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const release = this.host.occupy(segment);
    if (!release) return 'a worker has it';
    try {
      const row = this.host.reader.segment(segment);
      if (!row && isNewer) return 'the index is older than what lies on this node';
      if (row && needs.has(segment)) return 'files in it need more copies than it wants';
      const reason =
        this.reasonToKeep(node, segment, row) ?? (row ? await this.demandVerifiedCopies(row, signal) : undefined);
      if (reason !== undefined) return reason;
      // Verifying takes seconds, and nodes join and leave meanwhile.
      const now = this.host.reader.segment(segment);
      const changed = this.reasonToKeep(node, segment, now);
      if (changed !== undefined) return changed;
      if (now && !row) return 'the index knows it again';
      await this.attic.take(node, { folder: 'segments', reason: row ? 'surplus' : 'unreferred', file });
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

  /** Segments whose files need more copies than they want: so a number that was lowered by mistake costs nothing. */
  private async needsOf(files: readonly StoredFile[], signal: AbortSignal | undefined): Promise<Needs> {
    const { reader } = this.host;
    const isLiving = ({ name }: StoredFile) => reader.segment(segmentOfFileName(name)!) !== undefined;
    if (!reader.hasProtection() || !files.some(isLiving)) return new Set();
    const { segments } = await this.host.segmentNeeds(signal);
    // There may be more than were told.
    if (segments.length >= mostNeeds) return { has: () => true };
    return new Set(segments.filter(({ kind }) => kind === 'more').map(({ segment }) => segment));
  }

  private isEveryPlaceKnown(): boolean {
    return this.host.reader.chunksWithoutPlace(1).length === 0;
  }

  /** Its journal or a checkpoint goes further than the index: then "not known to the index" proves nothing. */
  private async isNewerThanIndex({ store }: MaintenanceNode): Promise<boolean> {
    const journal = (await store.list('journal')).map(({ name }) => parseJournalFileName(name)?.firstSequence ?? 0);
    const checkpoints = (await store.list('checkpoints')).map(({ name }) => parseCheckpointName(name)?.sequence ?? 0);
    const newest = (this.host.reader.tip()?.sequence ?? 0) + numbersUnderWay;
    return [...journal, ...checkpoints].some((sequence) => sequence > newest);
  }

  /** Copies found bad are noted, so that they are healed; undefined when enough verified. */
  private async demandVerifiedCopies(row: SegmentRow, signal: AbortSignal | undefined): Promise<string | undefined> {
    const { id: segment, replicas } = row;
    let good = 0;
    for (const node of this.host.nodes()) {
      if (good >= row.wanted) break;
      if (!isReadable(node.state) || !countsAsCopy(node) || !replicas.some((replica) => replica.node === node.id))
        continue;
      const state = await this.stateOn(node, row, signal);
      if (state === 'good') good += 1;
      else if (state !== 'unknown') {
        await this.host.withWriter((writer) => writer.setReplicaStates([{ segment, node: node.id, state }]));
      }
    }
    return good >= row.wanted ? undefined : `only ${good} of ${row.wanted} copies on other nodes verified`;
  }

  private async stateOn(
    node: MaintenanceNode,
    { id: segment, lengthBytes, hash }: SegmentRow,
    signal: AbortSignal | undefined,
  ): Promise<Awaited<ReturnType<typeof verifyReplica>> | 'unknown'> {
    try {
      return await verifyReplica({ segment, lengthBytes, hash, node, signal, pace: this.pacer.pace });
    } catch (error) {
      if (hasCode(error, 'UNAVAILABLE')) return 'unknown';
      throw error;
    }
  }

  private async demandWhole(node: MaintenanceNode, name: string): Promise<void> {
    try {
      const header = await decodeCheckpoint(checkpointPieces(node.store, name), () => this.pacer.pace());
      if (header.volume === this.host.reader.volume()?.id) return;
    } catch (error) {
      if (!hasCode(error, 'CORRUPT', 'FILE_MISSING', 'NEWER_FORMAT')) throw error;
    }
    throw refusal(node, `its checkpoint ${name} does not verify`);
  }
}

function refusal({ label }: MaintenanceNode, reason: string): DriveError {
  return new DriveError('GATE_REFUSED', {
    message: `${label}: journal files and checkpoints stay: ${reason}`,
    details: { reason },
    hint: 'nothing was deleted; look for disk errors of this node in the system log',
  });
}
