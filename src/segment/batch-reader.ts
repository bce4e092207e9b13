/**
 * Takes the bytes of a journal file in any pieces and gives its batches. It stops at the first batch that does not
 * verify and then only judges what it is: 'cut', what a crash leaves of a batch that was not yet durable (the file ends
 * inside it, or a sector of it is zeros, and no batch follows), or 'damaged'.
 */
import { announcedBatchBytes, batchHeaderBytes, batchMagic, type DecodedBatch, decodeBatch } from './journal-batch.js';
import { hasZeroSector } from './zero-pages.js';

export type JournalRest = 'clean' | 'cut' | 'damaged';

export interface JournalEnd {
  /** Length of the file up to the end of the last valid batch. */
  readonly validBytes: number;
  readonly rest: JournalRest;
}

export class BatchReader {
  private pending: Buffer = Buffer.alloc(0);
  private pieces: Buffer[] = [];
  private piecesBytes = 0;
  private wantedBytes = batchHeaderBytes;
  private validBytes = 0;
  private stopped: 'cut' | 'damaged' | undefined;

  /** Batches completed by `piece`. The buffer may not be changed afterwards. NEWER_FORMAT. */
  push(piece: Buffer): DecodedBatch[] {
    this.pieces.push(piece);
    this.piecesBytes += piece.length;
    // Joining once per batch, not once per piece, keeps a long batch linear.
    if (this.pending.length + this.piecesBytes < this.wantedBytes) return [];
    this.join();
    const batches: DecodedBatch[] = [];
    while (!this.stopped) {
      const batch = this.takeBatch();
      if (!batch) break;
      batches.push(batch);
    }
    if (this.stopped) this.lookForFollower();
    return batches;
  }

  /** Call once, when the file is at its end. */
  end(): JournalEnd {
    this.join();
    if (this.stopped) this.lookForFollower();
    const rest = this.stopped ?? (this.pending.length === 0 ? 'clean' : 'cut');
    return { validBytes: this.validBytes, rest };
  }

  private takeBatch(): DecodedBatch | undefined {
    this.wantedBytes = batchHeaderBytes;
    if (this.pending.length < batchHeaderBytes) return undefined;
    const length = announcedBatchBytes(this.pending, 0);
    if (length === undefined) return this.stop(batchHeaderBytes);
    this.wantedBytes = length;
    if (this.pending.length < length) return undefined;
    const batch = decodeBatch(this.pending.subarray(0, length));
    if (!batch) return this.stop(length);
    this.pending = this.pending.subarray(length);
    this.validBytes += length;
    this.wantedBytes = batchHeaderBytes;
    return batch;
  }

  private stop(judgedBytes: number): undefined {
    this.stopped = hasZeroSector(this.pending.subarray(0, judgedBytes), this.validBytes) ? 'cut' : 'damaged';
    // The bad batch's own magic is no follower.
    this.pending = this.pending.subarray(batchMagic.length);
    this.wantedBytes = batchHeaderBytes;
  }

  /** At most one batch is ever unfinished, and it is the last: one that is followed by another was once whole. */
  private lookForFollower(): void {
    let at = this.pending.indexOf(batchMagic, 0, 'latin1');
    while (at >= 0 && at + batchHeaderBytes <= this.pending.length) {
      if (announcedBatchBytes(this.pending, at) !== undefined) this.stopped = 'damaged';
      at = this.pending.indexOf(batchMagic, at + 1, 'latin1');
    }
    this.pending = this.pending.subarray(Math.max(0, this.pending.length - batchHeaderBytes + 1));
  }

  private join(): void {
    if (this.pieces.length === 0) return;
    this.pending = Buffer.concat([this.pending, ...this.pieces]);
    this.pieces = [];
    this.piecesBytes = 0;
  }
}

/** Batches that verify behind the first one of the file that does not; `from`: where that one begins. NEWER_FORMAT. */
export function batchesBehindDamage(file: Buffer, from: number): { offset: number; batch: DecodedBatch }[] {
  const found: { offset: number; batch: DecodedBatch }[] = [];
  let at = file.indexOf(batchMagic, from + 1, 'latin1');
  while (at >= 0) {
    const length = announcedBatchBytes(file, at);
    const batch = length !== undefined && at + length <= file.length && decodeBatch(file.subarray(at, at + length));
    if (batch) found.push({ offset: at, batch });
    at = file.indexOf(batchMagic, batch ? at + batch.bytes.length : at + 1, 'latin1');
  }
  return found;
}

/** All batches of a journal file that is in memory. */
export function decodeBatches(file: Buffer): JournalEnd & { readonly batches: DecodedBatch[] } {
  const reader = new BatchReader();
  const batches = reader.push(file);
  return { batches, ...reader.end() };
}
