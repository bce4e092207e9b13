/**
 * Writes one node's journal. Batches are appended to a file that this opening made: a new file for each epoch, after
 * every doubt, and after `fileLimitBytes`; no file of an earlier opening is ever appended to (a hung write may still
 * land there). A batch counts when its file is synced.
 */
import { DriveError } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import type { NodeStore } from '../../node/node-store.js';
import { formatJournalFileName } from '../../segment/journal-file-name.js';

export interface EncodedBatch {
  readonly sequence: number;
  readonly epoch: EpochId;
  readonly bytes: Buffer;
}

/** Large enough that files are few, small enough that a checkpoint soon frees whole ones. */
const fileLimitBytes = 16 * 1024 * 1024;

interface OpenJournalFile {
  readonly name: string;
  readonly epoch: EpochId;
  position: number;
}

export class JournalWriter {
  readonly node: NodeId;
  private readonly store: NodeStore;
  private readonly fileId: string;
  private file: OpenJournalFile | undefined;
  private failure: unknown;

  /** `fileId`: 16 hex digits that no other writer on this node was given: the names of its files are new ones. */
  constructor({ store, fileId }: { store: NodeStore; fileId: string }) {
    this.node = store.id;
    this.store = store;
    this.fileId = fileId;
  }

  /** Durable on this node when it resolves. After a failure every further call fails: make a new writer. */
  async append(batches: readonly EncodedBatch[]): Promise<void> {
    if (this.failure !== undefined) {
      throw new DriveError('NODE_GONE', { message: 'the journal of this node is in doubt', cause: this.failure });
    }
    try {
      let start = 0;
      while (start < batches.length) start = await this.appendRun(batches, start);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    this.failure ??= new DriveError('CLOSED');
    if (file) await this.store.finish('journal', file.name);
  }

  /** Batches of one epoch that fit the file go out in one write and one sync; returns where the next run starts. */
  private async appendRun(batches: readonly EncodedBatch[], start: number): Promise<number> {
    const first = batches[start]!;
    const file = await this.fileFor(first);
    const buffers: Buffer[] = [];
    let lengthBytes = 0;
    let end = start;
    while (end < batches.length && batches[end]!.epoch === first.epoch) {
      const next = batches[end]!.bytes;
      if (end > start && file.position + lengthBytes + next.length > fileLimitBytes) break;
      buffers.push(next);
      lengthBytes += next.length;
      end++;
    }
    const position = file.position;
    file.position += lengthBytes;
    await this.store.write('journal', file.name, position, buffers);
    await this.store.sync('journal', file.name);
    return end;
  }

  private async fileFor(batch: EncodedBatch): Promise<OpenJournalFile> {
    const current = this.file;
    if (current && current.epoch === batch.epoch && current.position < fileLimitBytes) return current;
    const name = formatJournalFileName({ firstSequence: batch.sequence, epoch: batch.epoch, writer: this.fileId });
    this.file = undefined;
    if (current) await this.store.finish('journal', current.name);
    await this.store.create('journal', name);
    this.file = { name, epoch: batch.epoch, position: 0 };
    return this.file;
  }
}
