/** Journals of all present nodes, and their batches wherever a good copy of them lies. */
import { DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import type { MetaReader } from '../../meta/meta-store.js';
import { decodeOperations } from '../../meta/operation-codec.js';
import { type BatchHead, type NodeJournal, readBatch, readJournal } from '../../store/journal/journal-reader.js';
import type { EngineNode } from '../engine-node.js';
import type { ChainLink, EpochRecord, NodeHistory } from './history.js';
import { type FullBatch, keptBatch, RecentBatches } from './kept-batches.js';

export class JournalSources {
  private readonly recent: RecentBatches;
  private readonly heads = new Map<string, { node: EngineNode; head: BatchHead }[]>();
  private readonly reader: MetaReader;
  readonly histories: NodeHistory[] = [];
  /** Nodes whose journal could not be read, with the error. */
  readonly unreadable = new Map<NodeId, unknown>();

  private constructor(reader: MetaReader, recent: RecentBatches) {
    this.reader = reader;
    this.recent = recent;
  }

  /** `reader`: the index, which needs no node for the batches that it keeps; `recent`: some of them. */
  static async read(
    nodes: readonly EngineNode[],
    from: number,
    reader: MetaReader,
    recent = new RecentBatches(),
  ): Promise<JournalSources> {
    const sources = new JournalSources(reader, recent);
    const journals = await Promise.allSettled(nodes.map((node) => readJournal(node.store, from)));
    journals.forEach((journal, index) => {
      const node = nodes[index]!;
      if (journal.status === 'fulfilled') sources.add(node, journal.value);
      else if (hasCode(journal.reason, 'NEWER_FORMAT')) throw journal.reason;
      else sources.unreadable.set(node.id, journal.reason);
    });
    return sources;
  }

  /** Verified bytes of a batch of the chain, from the index or the first node whose copy verifies. DAMAGED when none does. */
  async batch(link: ChainLink): Promise<FullBatch> {
    const known = this.recent.get(link.hash);
    if (known) return known;
    const batch = await this.find(link);
    this.recent.add(batch);
    return batch;
  }

  private async find(link: ChainLink): Promise<FullBatch> {
    const kept = keptBatch(this.reader, link);
    if (kept) return kept;
    for (const { node, head } of this.heads.get(link.hash) ?? []) {
      try {
        const { bytes, operations } = await readBatch(node.store, head);
        return { sequence: link.sequence, hash: link.hash, epoch: link.epoch, bytes, operations };
      } catch (error) {
        if (!hasCode(error, 'CORRUPT', 'NODE_GONE', 'NODE_IO', 'FILE_MISSING')) throw error;
      }
    }
    throw new DriveError('DAMAGED', {
      message: `batch ${link.sequence} of the journal is on no reachable node`,
      hint: 'plug in the other disks of this volume and open it again',
    });
  }

  private add(node: EngineNode, journal: NodeJournal): void {
    const epochs: EpochRecord[] = [];
    for (const head of journal.heads) {
      const known = this.heads.get(head.hash) ?? [];
      known.push({ node, head });
      this.heads.set(head.hash, known);
      if (head.epochOperations) epochs.push(epochOf(head));
    }
    const { heads, damagedFiles } = journal;
    this.histories.push({ node: node.id, heads, epochs, damagedFiles });
  }
}

function epochOf(head: BatchHead): EpochRecord {
  for (const operation of decodeOperations(head.epochOperations!)) {
    if (operation.o !== 'epoch') continue;
    const { id, parent, lastSequence, lastHash, members, supersedes = [] } = operation;
    return { id, parent, lastSequence, lastHash, members, supersedes, sequence: head.sequence, hash: head.hash };
  }
  throw new DriveError('CORRUPT', { message: `epoch batch ${head.sequence} holds no epoch` });
}
