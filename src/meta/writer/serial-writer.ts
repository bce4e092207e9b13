/**
 * MetaWriter over a backend (a thread, or this process): keeps calls that come while a batch is prepared waiting until
 * it is committed or taken back, so that no other write ever lands inside a batch.
 */
import { assert } from '../../core/assert.js';
import { DriveError } from '../../core/errors.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import type { CheckpointStream, MetaWriter, Prepared } from '../meta-store.js';
import type { NodeId } from '../operations.js';
import type { SqliteWriter } from './sqlite-writer.js';

/** Calls of SqliteWriter by name, as they cross to the thread. */
export type WriterMethod = Exclude<keyof SqliteWriter, 'close' | 'tidyWal'>;
export type WriterArguments<K extends WriterMethod> = Parameters<SqliteWriter[K]>;

export interface WriterBackend {
  /** Rejects with DriveErrors; UNAVAILABLE when the thread is gone. */
  call<K extends WriterMethod>(method: K, parameters: WriterArguments<K>): Promise<ReturnType<SqliteWriter[K]>>;
  /** Idempotent. */
  close(): Promise<void>;
}

type Input<K extends keyof MetaWriter> = MetaWriter[K] extends (input: infer I) => unknown ? I : never;

export class SerialWriter implements MetaWriter {
  readonly #backend: WriterBackend;
  readonly #openCheckpoint: () => CheckpointStream;
  readonly #copy: (path: string) => Promise<void>;
  #turn: Promise<void> = Promise.resolve();
  #endBatch: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: {
    readonly backend: WriterBackend;
    readonly openCheckpoint: () => CheckpointStream;
    readonly copy: (path: string) => Promise<void>;
  }) {
    this.#backend = options.backend;
    this.#openCheckpoint = options.openCheckpoint;
    this.#copy = options.copy;
  }

  async prepare(input: Input<'prepare'>): Promise<Prepared> {
    const endTurn = await this.#takeTurn();
    try {
      const prepared = await this.#backend.call('prepare', [input]);
      this.#endBatch = endTurn;
      return prepared;
    } catch (error) {
      endTurn();
      throw error;
    }
  }

  async commit(input: Input<'commit'>): Promise<void> {
    assert(this.#endBatch !== undefined, 'commit without prepare');
    await this.#finishBatch(() => this.#backend.call('commit', [input]));
  }

  async abort(): Promise<void> {
    if (this.#endBatch !== undefined) await this.#finishBatch(() => this.#backend.call('abort', []));
  }

  replay(input: Input<'replay'>): Promise<void> {
    return this.#alone(() => this.#backend.call('replay', [input]));
  }

  loadCheckpoint(part: Input<'loadCheckpoint'>): Promise<void> {
    return this.#alone(() => this.#backend.call('loadCheckpoint', [part]));
  }

  addPlaces(places: readonly ChunkPlace[]): Promise<void> {
    return this.#alone(() => this.#backend.call('addPlaces', [places]));
  }

  movePlaces(moves: Input<'movePlaces'>): Promise<void> {
    return this.#alone(() => this.#backend.call('movePlaces', [moves]));
  }

  setReplicaStates(states: Input<'setReplicaStates'>): Promise<void> {
    return this.#alone(() => this.#backend.call('setReplicaStates', [states]));
  }

  setJournaled(node: NodeId, sequence: number): Promise<void> {
    return this.#alone(() => this.#backend.call('setJournaled', [node, sequence]));
  }

  trimJournal(retainBytes: number): Promise<void> {
    return this.#alone(() => this.#backend.call('trimJournal', [retainBytes]));
  }

  checkpoint(): CheckpointStream {
    this.#refuseClosed();
    return this.#openCheckpoint();
  }

  async copyTo(path: string): Promise<void> {
    this.#refuseClosed();
    await this.#copy(path);
  }

  close(): Promise<void> {
    this.#closing ??= this.#backend.close();
    this.#endBatch?.(); // Calls that wait for the end of a batch must not wait for ever.
    this.#endBatch = undefined;
    return this.#closing;
  }

  async #finishBatch(work: () => Promise<void>): Promise<void> {
    const endBatch = this.#endBatch;
    this.#endBatch = undefined;
    try {
      await work();
    } finally {
      endBatch?.();
    }
  }

  async #alone(work: () => Promise<void>): Promise<void> {
    const endTurn = await this.#takeTurn();
    try {
      await work();
    } finally {
      endTurn();
    }
  }

  async #takeTurn(): Promise<() => void> {
    this.#refuseClosed();
    const before = this.#turn;
    let endTurn = (): void => undefined;
    this.#turn = new Promise((resolve) => {
      endTurn = resolve;
    });
    await before;
    if (this.#closing !== undefined) endTurn();
    this.#refuseClosed();
    return endTurn;
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw new DriveError('CLOSED');
  }
}
