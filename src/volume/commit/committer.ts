/**
 * The committer: one batch is one index transaction, one journal record and one round of fsync. While one batch is
 * made durable the next gathers.
 *
 * A change that brings new chunks passes two stages. First its data is made durable on its nodes; then it joins a batch:
 * prepare (validate and apply inside an open transaction) -> append the journal on the write set -> commit -> answer
 * every request of it, refusals included. The first stage of one batch runs beside the second of the one before.
 *
 * So no journal ever names a chunk that is not durable, and every complete batch can be accepted at an opening. (Writing
 * both at once would save one fsync's time, but a power cut with a disk away then leaves a batch that can neither be
 * dropped nor be read: architecture.md.) The first journal byte that leaves is the point of no return: before it a
 * failure rolls back, after it the batch goes forward on the members that stay, with a new epoch before the answer.
 */
import type { Clock } from '../../core/clock.js';
import { asDriveError, DriveError, hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import { Mutex } from '../../core/mutex.js';
import type { Random } from '../../core/random.js';
import type { BatchIdentity, MetaWriter, NewPlace, Prepared } from '../../meta/meta-store.js';
import type { ChangeRequest, ChangeResult } from '../../meta/requests.js';
import type { Tip } from '../../meta/rows.js';
import { encodeBatch } from '../../segment/journal-batch.js';
import type { AppendedChunk } from '../../store/store-types.js';
import type { DataCopies } from './data-copies.js';
import { writeEpoch } from './epoch-writer.js';
import { chooseMembers, type WriteSet } from './write-set.js';

/** Bounds of one batch: what a client waits for behind it. */
const batchRequestLimit = 256;
/** A batch's operations stay far below the longest that a journal reader takes (64 MiB). */
const batchWeightLimit = 16 * 1024 * 1024;
/** Bounds of the queue: past it requests are refused. */
const queueLimit = 4096;

const neverBegun = 'neverBegun';

/** Whether the change that was refused with this error can be submitted again: it was part of no batch. */
export function isUntouched(error: unknown): boolean {
  return hasCode(error, 'CLOSED') || (hasCode(error, 'UNAVAILABLE') && error.details[neverBegun] === true);
}

interface Job {
  readonly request: ChangeRequest;
  readonly chunks: readonly AppendedChunk[];
  readonly resolve: (result: ChangeResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitterOptions {
  readonly writer: MetaWriter;
  readonly data: DataCopies;
  readonly writeSet: WriteSet;
  readonly tip: Tip;
  readonly copies: () => number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called once when nothing more can be committed: the engine must be reopened. */
  readonly onBroken: (error: DriveError) => void;
  /** After each commit, with the batch. */
  readonly onCommitted?: (batch: BatchIdentity) => void;
  /** Every change is refused with it. */
  readonly refusal?: DriveError | undefined;
}

export class Committer {
  private readonly options: CommitterOptions;
  /** Changes whose data is not durable yet, and those that wait for a batch. */
  private readonly staged: Job[] = [];
  private readonly queue: Job[] = [];
  private readonly writerMutex = new Mutex();
  private tip: Tip;
  private nextSequence: number;
  private staging: Promise<void> | undefined;
  private running: Promise<void> | undefined;
  private broken: DriveError | undefined;
  private closed = false;

  constructor(options: CommitterOptions) {
    this.options = options;
    this.tip = options.tip;
    this.nextSequence = options.tip.sequence + 1;
    this.broken = options.refusal;
  }

  /** Nothing more can be committed. */
  get isBroken(): boolean {
    return this.broken !== undefined;
  }

  get currentTip(): Tip {
    return this.tip;
  }

  /**
   * Resolves when the request is durable and visible, with its result; rejects with the error of its validation, or
   * UNAVAILABLE when the outcome is unknown. `chunks`: what the request refers to and is not committed yet.
   */
  submit(request: ChangeRequest, chunks: readonly AppendedChunk[] = []): Promise<ChangeResult> {
    if (this.closed) return Promise.reject(new DriveError('CLOSED'));
    if (this.broken) return Promise.reject(this.refusal(this.broken));
    if (this.staged.length + this.queue.length >= queueLimit) {
      return Promise.reject(new DriveError('LIMIT_EXCEEDED', { message: 'too many changes are waiting' }));
    }
    return new Promise((resolve, reject) => {
      const job = { request, chunks, resolve, reject };
      if (chunks.every((chunk) => chunk.isCommitted)) this.enqueue([job]);
      else {
        this.staged.push(job);
        this.staging ??= this.stage();
      }
    });
  }

  /** Writes of local knowledge (replica states, places, positions) between two batches. */
  withWriter<T>(work: (writer: MetaWriter) => Promise<T>): Promise<T> {
    return this.writerMutex.run(async () => {
      if (this.broken) throw this.broken;
      return work(this.options.writer);
    });
  }

  /** Between two batches: `work` sees no batch in flight; used to admit a node whose journal was just made current. */
  quiesced<T>(work: () => Promise<T>): Promise<T> {
    return this.writerMutex.run(work);
  }

  /**
   * A new epoch with the best members there are now; for a node that left or returned. Does nothing when nothing changes,
   * unless `always`: then all journals go on in new files.
   */
  async refreshMembers({ always = false } = {}): Promise<void> {
    await this.writerMutex.run(async () => {
      if (this.broken || this.closed) return;
      const current = await this.options.writeSet.currentAt(this.tip.sequence);
      const members = chooseMembers(current, this.options.copies(), this.options.writeSet.members);
      const before = this.options.writeSet.members;
      const same = members.length === before.length && members.every((member) => before.includes(member));
      if ((same && !always) || members.length === 0) return;
      try {
        await this.startEpoch(this.tip);
      } catch (error) {
        // An attempt may lie on some disk: only an opening can name it.
        this.break(error, []);
        await this.options.writer.abort().catch(() => undefined);
        throw error;
      }
    });
  }

  /** Whatever waits, and what comes, is refused with it; a batch that is on its way goes forward. */
  stop(error: DriveError): void {
    this.broken ??= error;
    for (const job of [...this.queue.splice(0), ...this.staged.splice(0)]) job.reject(this.refusal(this.broken));
  }

  /** Drains what was submitted, then refuses everything. */
  async close(): Promise<void> {
    this.closed = true;
    while (this.staging ?? this.running) await (this.staging ?? this.running);
    await this.writerMutex.run(async () => undefined);
  }

  private enqueue(jobs: readonly Job[]): void {
    if (this.broken) {
      for (const job of jobs) job.reject(this.refusal(this.broken));
      return;
    }
    this.queue.push(...jobs);
    if (jobs.length > 0) this.running ??= this.run();
  }

  /** The first stage: what gathers while one round is synced is synced together in the next. */
  private async stage(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.staged.length > 0) {
      const jobs = this.staged.splice(0, batchRequestLimit);
      try {
        this.enqueue(await this.withDurableData(jobs));
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
    }
    this.staging = undefined;
  }

  /** The jobs whose data is durable, with its final places; the others are rejected. */
  private async withDurableData(jobs: readonly Job[]): Promise<Job[]> {
    if (this.broken) throw this.broken;
    const isNew = (chunk: AppendedChunk) => !chunk.isCommitted;
    const { stored, error } = await this.options.data.makeDurable(jobs.flatMap((job) => job.chunks.filter(isNew)));
    const durable: Job[] = [];
    for (const job of jobs) {
      const chunks = job.chunks.map((chunk) => (isNew(chunk) ? stored.get(chunk) : chunk));
      if (chunks.includes(undefined)) job.reject(error());
      else durable.push({ ...job, chunks: chunks as AppendedChunk[] });
    }
    return durable;
  }

  private async run(): Promise<void> {
    // One turn of the event loop lets requests that arrived together share a batch.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.queue.length > 0 && !this.broken) {
      const jobs = this.queue.splice(0, countForBatch(this.queue));
      await this.writerMutex.run(async () => {
        try {
          await this.runBatch(jobs);
        } catch (error) {
          this.break(error, jobs);
          // Whoever waits for the writer must get it: what the journals hold is decided when the history is reopened.
          await this.options.writer.abort().catch(() => undefined);
        }
      });
    }
    this.running = undefined;
  }

  private async runBatch(jobs: readonly Job[]): Promise<void> {
    const { writer, writeSet } = this.options;
    if (this.broken) throw this.broken;
    const chunks = jobs.flatMap((job) => job.chunks);
    const prepared = await writer.prepare({
      sequence: this.nextSequence,
      requests: jobs.map((job) => job.request),
      data: mergeData(chunks.filter((chunk) => !chunk.isCommitted)),
    });
    if (prepared.operations.length === 0) {
      await writer.commit({ batch: null, places: [], data: [] });
      answer(jobs, prepared);
      return;
    }
    const places = placesFor(prepared, chunks);
    if (!places) {
      await writer.abort();
      const error = new DriveError('INTERNAL', { message: 'a batch refers to a chunk that has no place' });
      for (const job of jobs) job.reject(error);
      return;
    }
    const batch = this.encode(prepared.operations);
    const journaled = await writeSet.append(writeSet.members, batch);
    const holders = journaled.acknowledged.length > 0 ? journaled.acknowledged : await this.goForward(batch);
    if (holders.length === 0) {
      throw new DriveError('UNAVAILABLE', {
        message: 'no disk took the change; whether it survives is decided when a disk is back',
        hint: 'plug in a disk of this volume',
      });
    }
    await writer.commit({ batch, places, data: [] });
    this.committed(batch);
    writeSet.follow(batch, [...holders, ...writeSet.members]);
    if (journaled.failed.length > 0) await this.startEpoch(this.tip);
    answer(jobs, prepared);
  }

  /** Takes the next number; it is never used again, whatever becomes of the batch. */
  private encode(operations: Buffer): BatchIdentity {
    const { writeSet } = this.options;
    const sequence = this.nextSequence++;
    const { bytes, hash } = encodeBatch({
      sequence,
      previousSequence: this.tip.sequence,
      previousHash: this.tip.hash,
      epoch: this.tip.epoch,
      writer: writeSet.writerId,
      isEpoch: false,
      operations,
    });
    return { sequence, hash, epoch: this.tip.epoch, bytes };
  }

  private committed(batch: BatchIdentity): void {
    this.tip = { sequence: batch.sequence, hash: batch.hash, epoch: batch.epoch };
    this.options.onCommitted?.(batch);
  }

  /** Every member failed: followers that hold everything before take the batch, so that a new epoch can stand on it. */
  private async goForward(batch: BatchIdentity): Promise<readonly NodeId[]> {
    const { writeSet } = this.options;
    const followers = await writeSet.currentAt(this.tip.sequence);
    const report = await writeSet.append(
      followers.map((node) => node.id),
      batch,
    );
    return report.acknowledged;
  }

  /** The new epoch is durable on all its members and in the index when this resolves. Throws when no node can take it. */
  private async startEpoch(last: Tip): Promise<void> {
    const { writer, writeSet, copies, clock, random } = this.options;
    // The number in between may lie in the journal of a node that left, in a batch that was never acknowledged.
    const sequence = this.nextSequence + 1;
    const { batch } = await writeEpoch({
      writer,
      writeSet,
      replicas: copies(),
      clock,
      random,
      last,
      parent: last.epoch,
      sequence,
    });
    this.nextSequence = batch.sequence + 1;
    this.committed(batch);
  }

  private break(error: unknown, jobs: readonly Job[]): void {
    const cause = asDriveError(error);
    this.broken ??= new DriveError('UNAVAILABLE', {
      message: `the volume stopped taking changes: ${cause.message}`,
      cause: error,
      hint: cause.hint,
    });
    for (const job of jobs) job.reject(this.broken);
    for (const job of [...this.queue.splice(0), ...this.staged.splice(0)]) job.reject(this.refusal(this.broken));
    this.options.onBroken(this.broken);
  }

  /** For a change that was part of no batch: nothing of it can ever happen. */
  private refusal(broken: DriveError): DriveError {
    if (broken === this.options.refusal) return broken;
    const { message, hint, cause } = broken;
    return new DriveError('UNAVAILABLE', { message, hint, cause, details: { [neverBegun]: true } });
  }
}

/** How many of the first jobs make one batch: at least one. */
function countForBatch(queue: readonly Job[]): number {
  let weight = 0;
  for (const [index, { request }] of queue.entries()) {
    weight += weightOf(request);
    if (index === batchRequestLimit || (index > 0 && weight > batchWeightLimit)) return index;
  }
  return queue.length;
}

/** About the bytes of its operations, for the requests that can be long. */
function weightOf(request: ChangeRequest): number {
  if (request.kind === 'put') return 80 * request.content.chunks.length;
  if (request.kind === 'set-properties')
    return request.changes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) * 2;
  if (request.kind !== 'operations') return 0;
  return request.operations.reduce(
    (sum, operation) => sum + (operation.o === 'chunks' ? 80 * operation.chunks.length : 256),
    0,
  );
}

function answer(jobs: readonly Job[], prepared: Prepared): void {
  jobs.forEach((job, index) => {
    const outcome = prepared.outcomes[index]!;
    if (outcome.ok) job.resolve(outcome.result);
    else job.reject(DriveError.fromData(outcome.error));
  });
}

/**
 * Places of the chunks that were written, and of those that were known when they were looked up and are not any more
 * (the last reference to them ended meanwhile; their pinned segments still hold them). undefined when one has no place.
 */
function placesFor(prepared: Prepared, chunks: readonly AppendedChunk[]): NewPlace[] | undefined {
  const missing = new Set(prepared.newChunks);
  const places: NewPlace[] = [];
  for (const chunk of chunks) {
    if (missing.delete(chunk.place.chunk) || !chunk.isCommitted) places.push({ ...chunk.place, ...insteadOf(chunk) });
  }
  return missing.size === 0 ? places : undefined;
}

/** Written again because the copies that are here now were too few, or will be: read from the new place, unless that is worse. */
function insteadOf({ nodes, wanted = 0, before }: AppendedChunk): Pick<NewPlace, 'instead'> {
  if (before === undefined) return {};
  const isBetter = nodes.length - before.nodes.length || wanted - before.wanted;
  return isBetter > 0 ? { instead: before.place.segment } : {};
}

/** Each segment once, with all nodes that hold a chunk of it. */
function mergeData(chunks: readonly AppendedChunk[]): { id: SegmentId; nodes: NodeId[]; wanted: number | undefined }[] {
  const segments = new Map<SegmentId, { readonly nodes: Set<NodeId>; readonly wanted: number | undefined }>();
  for (const { place, nodes, wanted } of chunks) {
    const known = segments.get(place.segment) ?? { nodes: new Set<NodeId>(), wanted };
    for (const node of nodes) known.nodes.add(node);
    segments.set(place.segment, known);
  }
  return [...segments].map(([id, { nodes, wanted }]) => ({ id, nodes: [...nodes], wanted }));
}
