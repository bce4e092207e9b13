/**
 * Reads what a node holds beside segments again and again, the node whose last proof is oldest first: its journal and
 * checkpoints, and the files for people (recovery kit, list of hashes), which are written again as they should be. What rotted
 * is named and made again byte for byte from what other nodes hold; what no node holds any more is replaced by a new
 * checkpoint from the index, which stands in for all journal before it. Bytes that are being appended are no rot.
 */
import { asDriveError, DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import { Mutex } from '../../core/mutex.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import { formatCheckpointName, parseCheckpointName } from '../../segment/checkpoint-name.js';
import type { DamagedJournalFile, JournalStore } from '../../store/journal/journal-reader.js';
import { repairedJournalFile } from '../../store/journal/journal-repair.js';
import { checkpointPieces } from '../../store/journal/node-checkpoints.js';
import { isReadable, isWritable } from '../../store/store-node.js';
import type { DataCheckOptions } from '../checking/data-check.js';
import { type ExaminedHistory, examineHistory } from '../checking/history-examination.js';
import { hashListName } from '../hash-list.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';
import type { StepResult, Worker } from '../worker.js';

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

export interface HistoryReading {
  readonly signal?: AbortSignal | undefined;
  readonly onRead?: ((bytes: number) => void) | undefined;
  /** Bytes a second; default: as fast as clients leave room. */
  readonly bytesPerSecond?: number | undefined;
}

/** What could not be read or mended now is tried again after this, then after twice as long, up to the longest. */
const postponedMs = 600_000;
/** By then a probe has said whether a node that failed is well. */
const decidedMs = 5_000;
const longestPostponedMs = 24 * 3_600_000;
/** A checkpoint of the whole index on every node, and two push out all before: one that did not help is not written again soon. */
const standInMs = 24 * 3_600_000;

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
  private readonly pacer: Pacer;
  private readonly turns = new Mutex();
  private readonly proofs = new Map<NodeId, HistoryProof>();
  private readonly postponed = new Map<NodeId, { readonly untilMs: number; readonly pauseMs: number }>();
  private readonly told = new Set<string>();
  private readonly notBeforeMs: number;
  private badFiles = 0;
  private stoodInMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost, options: HistoryScrubberOptions) {
    this.host = host;
    this.options = options;
    this.pacer = new Pacer(host);
    // Not beside the work of an opening.
    this.notBeforeMs = host.clock.monotonic() + host.safety.indexReadDelayMs;
  }

  /** Files found bad since the start. */
  get badCount(): number {
    return this.badFiles;
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

  /** Nodes whose history can be read now. */
  readable(): MaintenanceNode[] {
    return this.host
      .nodes()
      .filter(
        ({ state, role }) => isReadable(state) && state !== 'suspect' && state !== 'returning' && role !== 'retired',
      );
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
    const due = this.readable().filter(({ id }) => (this.proofOf(id).proven ?? 0) < provenBefore);
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
    return this.readable()
      .filter(({ id }) => (this.postponed.get(id)?.untilMs ?? now) <= now)
      .filter((node) => provenOf(node) < before || this.proofOf(node.id).problem !== null)
      .sort((a, b) => provenOf(a) - provenOf(b))[0];
  }

  private async proveNow(node: MaintenanceNode, reading: HistoryReading): Promise<readonly string[]> {
    const time = this.host.clock.now();
    const store = this.coldStore(node, reading);
    let found = await this.examine(store);
    const sentences = await this.renewFilesForPeople(node);
    if (!isSound(found)) {
      sentences.push(...(await this.mend(node, { store, found, reading })));
      found = await this.examine(store);
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
    return this.tell(node, problem, 'look for disk errors in the system log, and replace the disk if there are more');
  }

  private async renewFilesForPeople(node: MaintenanceNode): Promise<string[]> {
    if (!(await this.mayWrite(node))) return [];
    const names = (await this.host.renewKit(node.id)).map((name) => `recovery/${name}`);
    if (await this.options.renewHashList(node)) names.push(`segments/${hashListName}`);
    return names.flatMap((name) => this.tell(node, `${name}: not as it should be`, 'it was written again'));
  }

  /** Nothing is written to any node while the volume can only be read. */
  private async mayWrite({ state }: MaintenanceNode): Promise<boolean> {
    if (!isWritable(state)) return false;
    try {
      await this.host.withWriter(async () => undefined);
      return true;
    } catch (error) {
      if (!hasCode(error, 'READ_ONLY', 'UNAVAILABLE')) throw error;
      return false;
    }
  }

  private async examine(store: JournalStore): Promise<Examined> {
    const { reader } = this.host;
    const position = reader.journaled().find(({ node }) => node === store.id)?.sequence ?? 0;
    return { ...(await examineHistory(store, { volume: reader.volume()?.id, everyFile: true })), position };
  }

  private async mend(
    node: MaintenanceNode,
    {
      store,
      found,
      reading,
    }: { readonly store: JournalStore; readonly found: Examined; readonly reading: HistoryReading },
  ): Promise<string[]> {
    const sentences: string[] = [];
    if (!(await this.mayWrite(node))) return [`${node.label}: ${wordsOf(found)}; nothing can be written there now`];
    for (const { name, problem } of found.badCheckpoints) {
      const source = await this.copyCheckpoint(node, name, reading);
      const isHeld = parseCheckpointName(name)!.sequence < found.start.sequence;
      const next = source === undefined ? nextOf(isHeld) : `it was made again from ${source}`;
      sentences.push(...this.tell(node, `checkpoint ${name} ${problem}`, next));
    }
    // A file that batches are still appended to is never replaced: all journals go on in new ones first. One of an older
    // epoch may be such a file too, on a node that follows slowly.
    const { epoch } = this.host.reader.tip()!;
    if (found.damagedFiles.length > 0) await this.host.endJournalFiles();
    const mayGrow = this.host.reader.tip()!.epoch === epoch;
    for (const file of mayGrow ? [] : found.damagedFiles) {
      const isMended = await this.mendJournalFile(node, file, reading);
      const next = isMended ? 'it was made again from the other nodes' : nextOf(file.isHeld);
      sentences.push(...this.tell(node, `journal file ${file.name} is damaged`, next));
    }
    const left = await this.examine(store);
    if (isMissed(left)) sentences.push(...(await this.standIn(node)));
    return sentences;
  }

  /** The label of the node it came from; undefined when no other has it whole. */
  private async copyCheckpoint(
    to: MaintenanceNode,
    name: string,
    { signal }: HistoryReading,
  ): Promise<string | undefined> {
    const volume = this.host.reader.volume()?.id;
    for (const other of this.readable().filter(({ id }) => id !== to.id)) {
      const { label } = other;
      const store = this.coldStore(other, { signal });
      try {
        const header = await decodeCheckpoint(checkpointPieces(store, name), async () => undefined);
        if (header.volume !== volume || formatCheckpointName(header) !== name) continue;
        await to.store.put('checkpoints', name, checkpointPieces(store, name));
        await decodeCheckpoint(checkpointPieces(to.store, name), async () => undefined);
        return label;
      } catch (error) {
        if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT', 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) throw error;
      }
    }
    return undefined;
  }

  private async mendJournalFile(
    { id, store }: MaintenanceNode,
    file: DamagedJournalFile,
    { signal }: HistoryReading,
  ): Promise<boolean> {
    const others = this.readable().filter((other) => other.id !== id);
    const { name } = file;
    const sizeBytes = (await store.list('journal')).find((listed) => listed.name === name)?.sizeBytes;
    if (sizeBytes === undefined) return false;
    const bytes = await repairedJournalFile(
      store,
      { name, sizeBytes },
      others.map((other) => this.coldStore(other, { signal })),
    );
    if (bytes) await store.put('journal', name, [bytes]);
    return bytes !== undefined;
  }

  /** Behind its newest batch nothing of the journal before is needed. */
  private async standIn(node: MaintenanceNode): Promise<string[]> {
    if (this.host.clock.monotonic() - this.stoodInMs < standInMs) return [];
    if (!(await this.host.addsUp())) {
      const next = 'the index, which could stand in for it, does not add up: see "holdfast check"';
      return this.tell(node, 'no other node holds what its journal lacks', next);
    }
    await this.host.endJournalFiles();
    const isWritten = await this.options.renewCheckpoint();
    if (isWritten) this.stoodInMs = this.host.clock.monotonic();
    const sentence = `${node.label}: no other node holds what its journal lacks; ${
      isWritten
        ? 'a new checkpoint of the index stands in for it on every node'
        : 'a new checkpoint must stand in for it, and no node takes one: keep the directory of the volume and make room'
    }`;
    this.host.report('warning', sentence, 'copy-bad');
    return [sentence];
  }

  /** What nothing can be done about is told once, and where nothing need be done it is not in reports either. */
  private tell({ label }: MaintenanceNode, problem: string, next: string): string[] {
    const found = `${label}: ${problem}`;
    const sentence = `${found}; ${next}`;
    const isTold = this.told.has(found);
    this.told.add(found);
    if (isTold && next === nextOf(true)) return [];
    if (isTold && next === nextOf(false)) return [sentence];
    this.badFiles += 1;
    this.host.report('warning', `bad copy on ${sentence}`, 'copy-bad');
    return [sentence];
  }

  private postpone({ id }: MaintenanceNode): void {
    const before = this.postponed.get(id)?.pauseMs ?? 0;
    const pauseMs = Math.min(Math.max(postponedMs, 2 * before), longestPostponedMs);
    this.postponed.set(id, { untilMs: this.host.clock.monotonic() + pauseMs, pauseMs });
  }

  /** From the disk, as slowly as told, and slower while clients are served. */
  private coldStore({ id, store }: MaintenanceNode, { signal, onRead, bytesPerSecond }: HistoryReading): JournalStore {
    return {
      id,
      list: (folder) => store.list(folder),
      read: async (folder, name, position, lengthBytes) => {
        if (signal?.aborted) throw new DriveError('ABORTED');
        const bytes = await store.read(folder, name, position, lengthBytes, { cold: true });
        onRead?.(bytes.length);
        await this.pacer.pace();
        if (bytesPerSecond) await this.host.clock.sleep((bytes.length / bytesPerSecond) * 1_000, { signal });
        return bytes;
      },
    };
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

type Examined = ExaminedHistory & { readonly position: number };

const isSound = ({ badCheckpoints, damagedFiles, reach, position }: Examined): boolean =>
  badCheckpoints.length === 0 && damagedFiles.length === 0 && reach >= position;

/** Of what no other node has: whether a newer checkpoint on the same node holds it. */
const nextOf = (isHeld: boolean): string =>
  isHeld ? 'a newer checkpoint stands in for it' : 'no other node has it whole';

/** Something of the history would be missed if this node alone were left. */
const isMissed = ({ start, badCheckpoints, damagedFiles, reach, position }: Examined): boolean =>
  reach < position ||
  damagedFiles.some(({ isHeld }) => !isHeld) ||
  badCheckpoints.some(({ name }) => parseCheckpointName(name)!.sequence > start.sequence);

const wordsOf = ({ badCheckpoints, damagedFiles, reach, position }: Examined): string =>
  [
    ...badCheckpoints.map(({ name, problem }) => `its checkpoint ${name} ${problem}`),
    ...damagedFiles.map(({ name }) => `its journal file ${name} is damaged`),
    ...(reach < position ? [`its journal leads to batch ${reach} and not to ${position}`] : []),
  ].join(', ');
