/**
 * Seals made after a crash have no hash, and which of their copies are whole nobody knows: each is read and verified,
 * what is bad is noted for healing, and the hash of what is good is journaled. Waits until all nodes of the segment are
 * there, so that no copy counts as good that was never read.
 */
import { asDriveError, hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { SegmentRow } from '../../meta/rows.js';
import { verifiedPieces } from '../../store/read/verified-pieces.js';
import { isReadable } from '../../store/store-node.js';
import type { BadCopy } from '../../store/store-types.js';
import { SegmentHasher } from '../../store/write/segment-hasher.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';

const pageSegments = 500;
const lookMs = 30_000;

export class SealHasher implements Worker {
  readonly name = 'seal-hash';
  private readonly host: MaintenanceHost;
  private readonly onBadCopies: () => void;
  private readonly pacer: Pacer;
  private readonly hasher = new SegmentHasher();
  private queue: SegmentId[] = [];
  private lookedMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost, onBadCopies: () => void) {
    this.host = host;
    this.onBadCopies = onBadCopies;
    this.pacer = new Pacer(host);
  }

  /** There may be more of them: the step after those that are known looks at once. */
  lookAgain(): void {
    this.lookedMs = Number.NEGATIVE_INFINITY;
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const now = this.host.clock.monotonic();
    if (this.queue.length === 0 && now - this.lookedMs >= lookMs) {
      this.lookedMs = now;
      this.queue = this.withoutHash();
    }
    const segment = this.queue.shift();
    if (segment === undefined) return 'idle';
    const release = this.host.isWritten(segment) ? undefined : this.host.occupy(segment);
    try {
      const row = release && this.host.reader.segment(segment);
      if (row?.state === 'sealed' && row.hash === null) await this.verify(row, signal);
    } finally {
      release?.();
    }
    return 'worked';
  }

  async close(): Promise<void> {
    await this.hasher.close();
  }

  private withoutHash(): SegmentId[] {
    const found: SegmentId[] = [];
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      for (const { id, state, hash } of page) if (state === 'sealed' && hash === null) found.push(id);
      if (page.length < pageSegments) return found;
      after = page.at(-1)!.id;
    }
  }

  private async verify(row: SegmentRow, signal: AbortSignal): Promise<void> {
    const nodes = row.replicas.map(({ node }) => this.host.nodes().find(({ id }) => id === node));
    if (nodes.some((node) => !node || !isReadable(node.state))) return;
    const digests = new Map<NodeId, string>();
    const badCopies: BadCopy[] = [];
    for (const node of nodes as MaintenanceNode[]) {
      const digest = await this.digestOn(node, row, badCopies, signal);
      if (digest !== undefined) digests.set(node.id, digest);
      else if (!badCopies.some((copy) => copy.node === node.id)) return; // Its node left meanwhile.
    }
    if (badCopies.length > 0) await this.note(badCopies);
    const [hash, ...others] = new Set(digests.values());
    if (hash === undefined || others.length > 0) return;
    const operations = [{ o: 'seal', segment: row.id, length: row.lengthBytes, hash }] as const;
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
  }

  /** undefined when the copy is bad, or when nothing can be said about it. */
  private async digestOn(
    { store }: MaintenanceNode,
    { id: segment, lengthBytes }: SegmentRow,
    badCopies: BadCopy[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { pacer } = this;
    const onBadCopy = (copy: BadCopy) => badCopies.push(copy);
    async function* pieces(): AsyncGenerator<Buffer, void> {
      for await (const piece of verifiedPieces({ segment, lengthBytes, sources: [store], onBadCopy, signal })) {
        yield piece;
        await pacer.pace();
      }
    }
    try {
      return await this.hasher.hash(pieces());
    } catch (error) {
      if (hasCode(asDriveError(error), 'DAMAGED', 'UNAVAILABLE')) return undefined;
      throw error;
    }
  }

  private async note(badCopies: readonly BadCopy[]): Promise<void> {
    const states = badCopies.map(({ segment, node, problem }) => {
      const state = problem === 'io' ? ('damaged' as const) : problem;
      return { segment, node, state };
    });
    await this.host.withWriter((writer) => writer.setReplicaStates(states));
    this.onBadCopies();
  }
}
