/**
 * The writing side of the index, as plain synchronous calls on one connection; writer-thread.ts runs it in a thread of
 * its own. A batch is one transaction from `prepare` to `commit` or `abort`, each request a savepoint in it.
 */
import { assert } from '../../core/assert.js';
import { DriveError } from '../../core/errors.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { apply } from '../apply.js';
import { CommitCount } from '../memory/commit-count.js';
import type { MetaWriter, Prepared, WalState } from '../meta-store.js';
import { isIndexDamage } from '../meta-store.js';
import { decodeOperations, encodeOperation } from '../operation-codec.js';
import type { ChunkId, ContentId, NodeId, Operation } from '../operations.js';
import type { ChangeRequest, Outcome } from '../requests.js';
import { type Limits, productionLimits } from '../resolve/limits.js';
import { resolve } from '../resolve/resolve.js';
import type { ResolveContext } from '../resolve/resolve-context.js';
import {
  busyTimeoutMs,
  type Connection,
  type Durability,
  openConnection,
  setDurability,
} from '../sqlite/connection.js';
import { migrate } from '../sqlite/schema.js';
import { translateSqliteError } from '../sqlite/sqlite-errors.js';
import { forgetHeld, openTables, settle, type Tables } from '../tables/tables.js';
import { addEarlyPlaces, addFoundPlaces, addPlacesOfBatch, movePlaces } from './chunk-places.js';

type Input<K extends keyof MetaWriter> = MetaWriter[K] extends (input: infer I) => unknown ? I : never;
type DataSegments = Input<'prepare'>['data'];

export interface SqliteWriterOptions {
  readonly file: string;
  readonly durability: Durability;
  /** Default: SQLite's own. */
  readonly cacheBytes?: number | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Of the index's CommitCount. */
  readonly commits?: SharedArrayBuffer | undefined;
}

/** WAL pages after which they are copied into the database: 4 MiB. */
const checkpointPages = 1_024;
/** WAL pages after which its file is made short again, if no reader is in the way: 64 MiB. */
const truncatePages = 16_384;

export class SqliteWriter {
  readonly #connection: Connection;
  readonly #durability: Durability;
  readonly #limits: Limits;
  readonly #tables: Tables;
  readonly #commits: CommitCount;
  readonly #beginImmediate;
  readonly #commit;
  readonly #savepoint;
  readonly #release;
  readonly #rollbackTo;
  /** Highest content id given, reservations that no operation names yet included. */
  #lastContent: ContentId;
  #newChunks = new Set<ChunkId>();
  #isPrepared = false;
  #isLoading = false;
  #isReplaying = false;
  /** Bytes of a checkpoint's last line that goes on in the next part. */
  #rest: Buffer = Buffer.alloc(0);
  #failed = false;
  #walFrames = 0;

  constructor(options: SqliteWriterOptions) {
    this.#connection = openConnection({ ...options, role: 'writer' });
    this.#durability = options.durability;
    this.#commits = new CommitCount(options.commits);
    this.#limits = { ...productionLimits, ...options.limits };
    try {
      migrate(this.#connection);
      this.#tables = openTables(this.#connection);
      this.#tables.counters.reload();
    } catch (error) {
      this.#connection.close();
      throw translateSqliteError(error);
    }
    this.#beginImmediate = this.#connection.prepare('BEGIN IMMEDIATE');
    this.#commit = this.#connection.prepare('COMMIT');
    this.#savepoint = this.#connection.prepare('SAVEPOINT request');
    this.#release = this.#connection.prepare('RELEASE request');
    this.#rollbackTo = this.#connection.prepare('ROLLBACK TO request');
    this.#lastContent = this.#tables.counters.totals.highestContent;
  }

  prepare({ sequence, requests, data }: Input<'prepare'>): Prepared {
    this.#begin();
    try {
      assert(sequence > (this.#tables.journal.tip()?.sequence ?? 0), 'sequence numbers grow');
      this.#newChunks = new Set();
      const lines: string[] = [];
      this.#applyAll(this.#dataOperations(data), sequence, this.#newChunks, lines);
      const outcomes = requests.map((request) => this.#attempt(request, sequence, lines));
      settle(this.#tables);
      this.#isPrepared = true;
      return { operations: Buffer.from(lines.join(''), 'utf8'), outcomes, newChunks: [...this.#newChunks] };
    } catch (error) {
      this.#rollback();
      throw translateSqliteError(error);
    }
  }

  commit({ batch, places, data, full }: Input<'commit'>): void {
    assert(this.#isPrepared, 'commit without prepare');
    // The journal holds the batch already: an index that could not follow is of no use any more.
    this.#failed = true;
    this.#finish(() => {
      this.#addData(data);
      addPlacesOfBatch(this.#tables, places);
      for (const { chunk } of places) this.#newChunks.delete(chunk);
      const placeless = [...this.#newChunks].find((id) => this.#tables.chunks.get(id)?.segment === null);
      assert(placeless === undefined, `no place for the new chunk ${placeless}`);
      if (batch !== null) this.#tables.journal.add(batch);
    });
    if (full) this.#makeDurable();
    this.#failed = false;
  }

  abort(): void {
    if (this.#isPrepared) this.#rollback();
  }

  replay({ batches, places, goesOn = false }: Input<'replay'>): void {
    if (!this.#isReplaying) this.#begin();
    this.#isReplaying = goesOn;
    this.#work(() => {
      for (const { operations, ...batch } of batches) {
        // Numbers of failed batches are never used again, so there may be gaps; the caller has followed the chain.
        const tip = this.#tables.journal.tip();
        if (batch.sequence <= (tip?.sequence ?? 0)) {
          throw new DriveError('CORRUPT', { message: `batch ${batch.sequence} comes after ${tip?.sequence}` });
        }
        this.#applyAll(decodeOperations(operations), batch.sequence, new Set());
        this.#tables.journal.add(batch);
      }
      if (goesOn) addEarlyPlaces(this.#tables, places);
      else addFoundPlaces(this.#tables, places);
    });
    if (!goesOn) this.#finish(() => undefined);
  }

  loadCheckpoint(part: Input<'loadCheckpoint'>): void {
    if (!this.#isLoading) {
      const isEmpty = this.#tables.journal.tip() === undefined && this.#tables.entries.root() === undefined;
      assert(isEmpty, 'a checkpoint is loaded into an empty index');
      this.#begin();
      this.#isLoading = true;
    }
    try {
      if ('operations' in part) this.#loadPart(part.operations);
      else {
        if (this.#rest.length > 0) throw new DriveError('CORRUPT', { message: 'the checkpoint is cut short' });
        this.#isLoading = false;
        this.#finish(() => this.#tables.journal.setTip(part.finish));
      }
    } catch (error) {
      this.#isLoading = false;
      this.#rest = Buffer.alloc(0);
      this.#rollback();
      throw translateSqliteError(error);
    }
  }

  addPlaces(places: readonly ChunkPlace[]): void {
    this.#transaction(() => addFoundPlaces(this.#tables, places));
  }

  movePlaces(moves: Input<'movePlaces'>): void {
    this.#transaction(() => movePlaces(this.#tables, moves));
  }

  setReplicaStates(states: Input<'setReplicaStates'>): void {
    this.#transaction(() => {
      for (const { segment, node, state, proven } of states) {
        const stored = this.#tables.segments.get(segment);
        if (stored !== undefined) this.#tables.segments.setReplicaState(stored.number, node, state, proven);
      }
    });
  }

  setJournaled(node: NodeId, sequence: number): void {
    this.#transaction(() => this.#tables.journal.setJournaled(node, sequence));
  }

  trimJournal(retainBytes: number): void {
    this.#transaction(() => this.#tables.journal.trim(retainBytes));
  }

  /**
   * Bounds the WAL; called between batches, never inside one. Readers that are in the way only postpone it. Returns how the
   * WAL stands when that is news: it has begun (anew), or was folded into the file.
   */
  tidyWal(): WalState | undefined {
    if (this.#connection.inTransaction || this.#failed) return undefined;
    const before = this.#walFrames;
    const state = this.wal();
    this.#walFrames = state.frames;
    if (state.frames - state.folded >= checkpointPages) return this.#fold();
    return state.frames > 0 && (before === 0 || state.frames < before) ? state : undefined;
  }

  wal(mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE' = 'NOOP'): WalState {
    const [state] = this.#connection.pragma(`wal_checkpoint(${mode})`) as { log: number; checkpointed: number }[];
    return { frames: state!.log, folded: state!.checkpointed };
  }

  /** Idempotent; takes a prepared batch back. */
  close(): void {
    if (!this.#connection.open) return;
    if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
    this.#connection.close();
  }

  #attempt(request: ChangeRequest, sequence: number, lines: string[]): Outcome {
    settle(this.#tables);
    const before = this.#tables.counters.snapshot();
    const ownLines: string[] = [];
    const newChunks = new Set<ChunkId>();
    this.#savepoint.run();
    try {
      const { operations, result } = resolve(request, this.#resolveContext());
      this.#applyAll(operations, sequence, newChunks, ownLines);
      const outcome = { ok: true, result: result() } as const;
      settle(this.#tables);
      this.#release.run();
      for (const line of ownLines) lines.push(line);
      for (const id of newChunks) this.#newChunks.add(id);
      return outcome;
    } catch (error) {
      // A full disk or a damaged page ended the transaction itself: that is no answer to one request.
      if (!this.#connection.inTransaction || isIndexDamage(error)) throw error;
      forgetHeld(this.#tables);
      this.#rollbackTo.run();
      this.#release.run();
      this.#tables.counters.restore(before);
      return { ok: false, error: translateSqliteError(error).toData() };
    }
  }

  #resolveContext(): ResolveContext {
    let lastEntry = this.#tables.counters.totals.highestEntry;
    return {
      tables: this.#tables,
      limits: this.#limits,
      nextEntry: () => {
        lastEntry += 1;
        return lastEntry;
      },
      nextContent: () => {
        this.#lastContent = Math.max(this.#lastContent, this.#tables.counters.totals.highestContent) + 1;
        return this.#lastContent;
      },
    };
  }

  #applyAll(operations: Iterable<Operation>, sequence: number, newChunks: Set<ChunkId>, lines?: string[]): void {
    const context = { tables: this.#tables, sequence, newChunks };
    for (const operation of operations) {
      apply(operation, context);
      lines?.push(encodeOperation(operation));
    }
  }

  #loadPart(bytes: Buffer): void {
    const joined = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    const end = joined.lastIndexOf(0x0a) + 1;
    this.#rest = Buffer.from(joined.subarray(end));
    this.#applyAll(decodeOperations(joined.subarray(0, end)), 0, new Set());
  }

  #addData(data: DataSegments): void {
    this.#applyAll(this.#dataOperations(data), 0, new Set());
  }

  /** A segment's number of copies is said once, when it becomes known: later ones are for those who know the files in it. */
  #dataOperations(data: DataSegments): Operation[] {
    if (data.length === 0) return [];
    const { segments, nodes } = this.#tables;
    const usual = nodes.volume()?.replicas;
    const operations: Operation[] = [{ o: 'data', segments: data.map(({ id, nodes }) => ({ id, nodes })) }];
    for (const { id, wanted } of data) {
      const isOwn = wanted !== undefined && wanted !== usual && segments.get(id) === undefined;
      if (isOwn) operations.push({ o: 'want', segment: id, replicas: wanted });
    }
    return operations;
  }

  #transaction(work: () => void): void {
    this.#begin();
    this.#finish(work);
  }

  #begin(): void {
    if (this.#failed) throw new DriveError('UNAVAILABLE', { message: 'a commit of the index failed: reopen it' });
    assert(!this.#connection.inTransaction, 'one batch at a time');
    try {
      this.#beginImmediate.run();
    } catch (error) {
      throw translateSqliteError(error);
    }
  }

  /** Ends the open transaction: all of `work` or nothing. */
  #finish(work: () => void): void {
    this.#work(() => {
      work();
      settle(this.#tables);
      this.#tables.counters.save();
      this.#commits.during(() => this.#commit.run());
      this.#isPrepared = false;
    });
  }

  /** Inside the open transaction, which ends when it fails. */
  #work(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#rollback();
      throw translateSqliteError(error);
    }
  }

  #rollback(): void {
    this.#isPrepared = false;
    this.#isReplaying = false;
    forgetHeld(this.#tables);
    if (this.#connection.inTransaction) this.#connection.exec('ROLLBACK');
    this.#tables.counters.reload();
  }

  /**
   * With synchronous = FULL a commit syncs the whole WAL up to itself, and so the commit before. The level cannot be
   * changed inside a transaction, and it is not known at `prepare` that a batch needs it.
   */
  #makeDurable(): void {
    if (this.#durability === 'off') return;
    try {
      setDurability(this.#connection, 'full');
      this.#beginImmediate.run();
      this.#finish(() => this.#tables.journal.touch());
      setDurability(this.#connection, this.#durability);
    } catch (error) {
      throw translateSqliteError(error);
    }
  }

  #fold(): WalState {
    const state = this.wal('PASSIVE');
    if (state.frames < truncatePages) return state;
    this.#connection.pragma('busy_timeout = 0'); // A long read that is in the way must not hold up the next batch.
    const cut = this.wal('TRUNCATE');
    this.#connection.pragma(`busy_timeout = ${busyTimeoutMs}`);
    this.#walFrames = cut.frames;
    return cut;
  }
}
