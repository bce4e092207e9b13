/**
 * Reads what a node holds beside segments again and again, the node whose last proof is oldest first: its journal and
 * checkpoints, and the files for people (recovery kit, list of hashes), which are written again as they should be. What
 * rotted is named and mended.
 */
import { asDriveError, type DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import { Mutex } from '../../core/mutex.js';
import type { DataCheckOptions } from '../checking/data-check.js';
import { hashListName } from '../hash-list.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import type { StepResult, Worker } from '../worker.js';
import { HistoryFindings } from './history-findings.js';
import { HistoryMender, mayWrite } from './history-mender.js';
import { HistoryReader, type HistoryReading, isMissed, isSound } from './node-history.js';

/** When a node's journal and checkpoints last verified, and what is wrong with them: see JournalProof in drive-proof.ts. */
export interface HistoryProof {
  readonly proven: number | null;
  readonly problem: string | null;
}

export interface HistoryScrubberOptions {
  /** Not faster than this. */
  readonly bytesPerSecond: () => number;
  /** A new checkpoint on every node; false when no node takes it. */
  readonly renewCheckpoint: () => Promise<boolean>;
  /** Whether a node's list of hashes was not as it should be, and was written again. */
  readonly renewHashList: (node: MaintenanceNode) => Promise<boolean>;
}

/** What could not be read or mended now is tried again after this, then after twice as long, up to the longest. */
const postponedMs = 600_000;
/** By then a probe has said whether a node that failed is well. */
const decidedMs = 5_000;
const longestPostponedMs = 24 * 3_600_000;
/** Of the node, of what lies there, and of a volume that takes nothing now. */
const expected = [
  'NODE_GONE',
  'NODE_IO',
  'NODE_FULL',
  'NODE_READ_ONLY',
  'FILE_MISSING',
  'CORRUPT',
  'NEWER_FORMAT',
  'UNAVAILABLE',
  'READ_ONLY',
] as const;

export class HistoryScrubber implements Worker {
  readonly name = 'scrub-history';
  private readonly host: MaintenanceHost;
  private readonly options: HistoryScrubberOptions;
  private readonly histories: HistoryReader;
  private readonly findings: HistoryFindings;
  private readonly mender: HistoryMender;
  private readonly turns = new Mutex();
  private readonly proofs = new Map<NodeId, HistoryProof>();
  private readonly postponed = new Map<NodeId, { readonly untilMs: number; readonly pauseMs: number }>();
  private readonly notBeforeMs: number;

  constructor(host: MaintenanceHost, options: HistoryScrubberOptions) {
    this.host = host;
    this.options = options;
    this.histories = new HistoryReader(host);
    this.findings = new HistoryFindings(host);
    const { renewCheckpoint } = options;
    this.mender = new HistoryMender(host, { histories: this.histories, findings: this.findings, renewCheckpoint });
    // Not beside the work of an opening.
    this.notBeforeMs = host.clock.monotonic() + host.safety.indexReadDelayMs;
  }

  /** Files found bad since the start. */
  get badCount(): number {
    return this.findings.badFiles;
  }

  proofOf(node: NodeId): HistoryProof {
    return this.proofs.get(node) ?? { proven: null, problem: null };
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const node = this.next();
    if (!node) return 'idle';
    await this.prove(node, { signal, bytesPerSecond: this.options.bytesPerSecond() });
    return 'worked';
  }

  /** Reads and, where needed, mends the history of one node: a sentence for each file that was bad. ABORTED. */
  prove(node: MaintenanceNode, reading: HistoryReading): Promise<readonly string[]> {
    return this.turns.run(async () => {
      try {
        return await this.proveNow(node, reading);
      } catch (error) {
        if (hasCode(error, 'ABORTED')) throw error;
        // Whatever it is: the others are read meanwhile.
        this.postpone(node);
        if (!hasCode(error, ...expected)) throw error;
        return this.noteUnread(node, asDriveError(error), reading);
      }
    });
  }

  /** All nodes that were not proven since then; one sentence for each file that was bad. ABORTED. */
  async proveAll({
    provenBefore = Number.POSITIVE_INFINITY,
    signal,
    onProgress,
  }: Pick<DataCheckOptions, 'provenBefore' | 'signal' | 'onProgress'>): Promise<{
    readonly sentences: readonly string[];
    readonly readJournals: number;
    readonly readBytes: number;
  }> {
    const due = this.histories.readable().filter(({ id }) => (this.proofOf(id).proven ?? 0) < provenBefore);
    const sentences: string[] = [];
    const total = (await Promise.all(due.map(sizeOf))).reduce((sum, bytes) => sum + bytes, 0);
    let readBytes = 0;
    const onRead = (bytes: number) => {
      readBytes += bytes;
      onProgress?.({ phase: 'reading journals', done: Math.min(readBytes, total), total, unit: 'bytes' });
    };
    for (const node of due) {
      sentences.push(...(await this.prove(node, { signal, onRead })));
    }
    return { sentences, readJournals: due.length, readBytes };
  }

  private next(): MaintenanceNode | undefined {
    const { clock, safety } = this.host;
    const now = clock.monotonic();
    if (now < this.notBeforeMs) return undefined;
    const before = clock.now() - safety.scrubPeriodMs / 2;
    const provenOf = ({ id }: MaintenanceNode) => this.proofOf(id).proven ?? 0;
    return this.histories
      .readable()
      .filter(({ id }) => (this.postponed.get(id)?.untilMs ?? now) <= now)
      .filter((node) => provenOf(node) < before || this.proofOf(node.id).problem !== null)
      .sort((a, b) => provenOf(a) - provenOf(b))[0];
  }

  private async proveNow(node: MaintenanceNode, reading: HistoryReading): Promise<readonly string[]> {
    const time = this.host.clock.now();
    const store = this.histories.coldStore(node, reading);
    let found = await this.histories.examine(store);
    const sentences = await this.renewFilesForPeople(node);
    if (!isSound(found)) {
      const mended = await this.mender.mend(node, { store, found, reading });
      sentences.push(...mended.sentences);
      found = mended.left;
    }
    if (isSound(found) || !isMissed(found)) {
      this.postponed.delete(node.id);
      this.proofs.set(node.id, { proven: time, problem: null });
      return sentences;
    }
    const problem = 'its journal or a checkpoint is damaged, and could not be made again yet';
    this.proofs.set(node.id, { proven: this.proofOf(node.id).proven, problem });
    this.postpone(node);
    return [...sentences, `${node.label}: ${problem}`];
  }

  /** Of a disk that leaves its states tell; one that stays has a sector that cannot be read. */
  private async noteUnread(
    node: MaintenanceNode,
    error: DriveError,
    { signal }: HistoryReading,
  ): Promise<readonly string[]> {
    await this.host.clock.sleep(decidedMs, { signal });
    const problem = `its journal or a checkpoint cannot be read whole: ${error.message}`;
    if (node.state !== 'online' || error.code !== 'NODE_IO') return [`${node.label}: ${problem}`];
    this.proofs.set(node.id, { proven: this.proofOf(node.id).proven, problem });
    return this.findings.tell(
      node,
      problem,
      'look for disk errors in the system log, and replace the disk if there are more',
    );
  }

  private async renewFilesForPeople(node: MaintenanceNode): Promise<string[]> {
    if (!(await mayWrite(this.host, node))) return [];
    const names = (await this.host.renewKit(node.id)).map((name) => `recovery/${name}`);
    if (await this.options.renewHashList(node)) names.push(`segments/${hashListName}`);
    return names.flatMap((name) => this.findings.tell(node, `${name}: not as it should be`, 'it was written again'));
  }

  private postpone({ id }: MaintenanceNode): void {
    const before = this.postponed.get(id)?.pauseMs ?? 0;
    const pauseMs = Math.min(Math.max(postponedMs, 2 * before), longestPostponedMs);
    this.postponed.set(id, { untilMs: this.host.clock.monotonic() + pauseMs, pauseMs });
  }
}

/** 0 where it cannot be listed now: reading tells why. */
async function sizeOf({ store }: MaintenanceNode): Promise<number> {
  try {
    const files = [...(await store.list('journal')), ...(await store.list('checkpoints'))];
    return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  } catch (error) {
    if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
    return 0;
  }
}
