/**
 * The journals of all nodes as the committer sees them. Members of the write set take every batch before it counts;
 * the other nodes follow: they get committed batches in order, and no client waits for them.
 */
import type { NodeId } from '../../core/ids.js';
import { type Random, randomId } from '../../core/random.js';
import { type EncodedBatch, JournalWriter } from '../../store/journal/journal-writer.js';
import { isWritable, type StoreNode } from '../../store/store-node.js';

interface Journal {
  readonly node: StoreNode;
  readonly writer: JournalWriter;
  /** Sequence number of the last batch that is durable there. */
  position: number;
  /** Batches that a follower has not got yet, and their bytes. */
  queue: EncodedBatch[];
  queuedBytes: number;
  /** Resolves when the queue has run dry. */
  following: Promise<void>;
  isFollowing: boolean;
  failed: boolean;
}

export interface AppendReport {
  readonly acknowledged: readonly NodeId[];
  readonly failed: readonly NodeId[];
  readonly errors: ReadonlyMap<NodeId, unknown>;
}

/** A follower further behind than this is dropped from following; it is caught up as a returning node. */
const followerQueueBytes = 16 * 1024 * 1024;

export class WriteSet {
  private readonly journals = new Map<NodeId, Journal>();
  /** Of nodes that were dropped: what stands behind it in their files was never synced, whatever can be read there. */
  private durableBefore = new Map<NodeId, number>();
  private memberIds: readonly NodeId[] = [];
  readonly writerId: string;
  private readonly random: Random;
  private readonly onFollowerLost: (node: NodeId, error: unknown) => void;

  constructor(options: { random: Random; onFollowerLost: (node: NodeId, error: unknown) => void }) {
    this.random = options.random;
    this.writerId = randomId(options.random);
    this.onFollowerLost = options.onFollowerLost;
  }

  get members(): readonly NodeId[] {
    return this.memberIds;
  }

  position(node: NodeId): number | undefined {
    const journal = this.journals.get(node);
    return journal && !journal.failed ? journal.position : undefined;
  }

  /** How far each journal is durable, those in doubt included. */
  durablePositions(): Map<NodeId, number> {
    const positions = new Map(this.durableBefore);
    for (const journal of this.journals.values()) positions.set(journal.node.id, journal.position);
    return positions;
  }

  positions(): { node: NodeId; sequence: number }[] {
    return [...this.journals.values()]
      .filter((journal) => !journal.failed)
      .map((journal) => ({ node: journal.node.id, sequence: journal.position }));
  }

  /** A node whose journal ends with batch `position`, ready for the next one. */
  admit(node: StoreNode, position: number): void {
    this.durableBefore.delete(node.id);
    this.journals.set(node.id, {
      node,
      writer: this.newJournalWriter(node),
      position,
      queue: [],
      queuedBytes: 0,
      following: Promise.resolve(),
      isFollowing: false,
      failed: false,
    });
  }

  /** Begins files of its own, whatever lies on the node already. */
  newJournalWriter(node: StoreNode): JournalWriter {
    return new JournalWriter({ store: node.store, fileId: randomId(this.random) });
  }

  drop(node: NodeId): void {
    const journal = this.journals.get(node);
    if (!journal) return;
    journal.failed = true;
    this.journals.delete(node);
    this.durableBefore.set(node, journal.position);
    void journal.writer.close().catch(() => undefined); // It is in doubt anyway; nothing more is written to it.
  }

  /** The last batch of this journal is no part of the history: the next one is written behind it and stands on `sequence`. */
  rewind(node: NodeId, sequence: number): void {
    const journal = this.journals.get(node);
    if (journal) journal.position = sequence;
  }

  setMembers(members: readonly NodeId[]): void {
    this.memberIds = members;
  }

  /** Nodes whose journal can take the batch after `sequence`, after their queues ran dry. */
  async currentAt(sequence: number): Promise<StoreNode[]> {
    const current: StoreNode[] = [];
    for (const journal of this.journals.values()) {
      await journal.following;
      if (!journal.failed && journal.position === sequence && canTakeBatches(journal.node)) current.push(journal.node);
    }
    return current;
  }

  /** Appends to the given nodes in parallel; never throws for a node, which is dropped and reported instead. */
  async append(nodes: readonly NodeId[], batch: EncodedBatch): Promise<AppendReport> {
    const acknowledged: NodeId[] = [];
    const failed: NodeId[] = [];
    const errors = new Map<NodeId, unknown>();
    await Promise.all(
      nodes.map(async (id) => {
        const journal = this.journals.get(id);
        if (!journal || journal.failed) {
          failed.push(id);
          return;
        }
        try {
          await journal.following;
          await journal.writer.append([batch]);
          journal.position = batch.sequence;
          acknowledged.push(id);
        } catch (error) {
          // The monitor has seen the error through the node's store; here the node only leaves.
          errors.set(id, error);
          failed.push(id);
          this.drop(id);
        }
      }),
    );
    return { acknowledged, failed, errors };
  }

  /** Hands a committed batch to all nodes outside of `except`. */
  follow(batch: EncodedBatch, except: readonly NodeId[]): void {
    for (const journal of this.journals.values()) {
      if (except.includes(journal.node.id)) continue;
      if (journal.queuedBytes + batch.bytes.length > followerQueueBytes && journal.queue.length > 0) {
        this.drop(journal.node.id);
        this.onFollowerLost(journal.node.id, undefined);
        continue;
      }
      journal.queue.push(batch);
      journal.queuedBytes += batch.bytes.length;
      if (!journal.isFollowing) journal.following = this.runFollower(journal);
    }
  }

  async close(): Promise<void> {
    const journals = [...this.journals.values()];
    for (const journal of journals) await journal.following;
    this.durableBefore = this.durablePositions();
    this.journals.clear();
    await Promise.allSettled(journals.map((journal) => journal.writer.close()));
  }

  /** All that waits goes out at once: a slow follower lags by two of its fsyncs, however many batches there are. */
  private async runFollower(journal: Journal): Promise<void> {
    journal.isFollowing = true;
    while (journal.queue.length > 0 && !journal.failed) {
      const batches = journal.queue;
      journal.queue = [];
      journal.queuedBytes = 0;
      try {
        await journal.writer.append(batches);
        journal.position = batches.at(-1)!.sequence;
      } catch (error) {
        if (journal.failed) break; // It was dropped meanwhile, by somebody who knows.
        this.drop(journal.node.id);
        this.onFollowerLost(journal.node.id, error);
      }
    }
    journal.isFollowing = false;
  }
}

/** A node being made current takes batches once its journal was admitted; on a full one there is room kept for them. */
const canTakeBatches = (node: StoreNode): boolean =>
  isWritable(node.state) || node.state === 'returning' || node.state === 'full';

/**
 * Members of a write set: as many as `count`, failure groups first, members before others, then the quicker ones. A node
 * that is being emptied or about to be unplugged only while no other is there; one that is away on purpose never, because
 * what is saved without it would wait for it.
 */
export function chooseMembers(nodes: readonly StoreNode[], count: number, before: readonly NodeId[]): NodeId[] {
  const staying = nodes.filter(({ role, isLeaving }) => role === 'active' && !isLeaving);
  const eligible = staying.length > 0 ? staying : nodes.filter(({ role }) => role === 'active' || role === 'draining');
  const order = [...eligible].sort(
    (a, b) =>
      Number(a.state === 'full') - Number(b.state === 'full') ||
      Number(before.includes(b.id)) - Number(before.includes(a.id)) ||
      a.latencyMs - b.latencyMs ||
      (a.id < b.id ? -1 : 1),
  );
  const chosen: StoreNode[] = [];
  for (const newGroupOnly of [true, false]) {
    for (const node of order) {
      if (chosen.length >= count) break;
      if (chosen.includes(node)) continue;
      if (newGroupOnly && chosen.some((other) => other.group === node.group)) continue;
      chosen.push(node);
    }
  }
  return chosen.map((node) => node.id);
}
