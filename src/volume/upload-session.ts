/**
 * One upload: cuts the body into chunks, names them, writes the new ones to the nodes while the body arrives, and
 * records long bodies in small provisional batches, so that the work after the last byte is constant. Memory is
 * bounded by the shared budget; unsynced bytes by the shared window.
 */
import type { ByteBudget } from '../core/byte-budget.js';
import { asDriveError, DriveError } from '../core/errors.js';
import type { ChunkId, ChunkReference, SegmentId } from '../core/ids.js';
import { ContentChecksum } from '../meta/content-checksum.js';
import type { ContentId } from '../meta/operations.js';
import type { ChangeRequest, ChangeResult, StagedContent } from '../meta/requests.js';
import { chunkBytes } from '../segment/chunk-id.js';
import type { AppendedChunk, ChunkToStore, Lane, StoredBefore } from '../store/store-types.js';
import type { AppendOptions } from '../store/write/segment-store.js';
import { uploadMemory } from '../store/write/upload-memory.js';
import type { ByteRange, Upload, UploadedContent } from './volume.js';

export interface UploadHost {
  readonly budget: ByteBudget;
  /** Its name. The bytes may not change before it resolves. */
  chunkId(plain: Buffer): Promise<ChunkId>;
  /** A committed chunk, or undefined. */
  findStored(chunk: ChunkToStore): StoredBefore | undefined;
  append(chunks: readonly ChunkToStore[], options: AppendOptions): Promise<AppendedChunk[]>;
  submit(request: ChangeRequest, chunks: readonly AppendedChunk[]): Promise<ChangeResult>;
  pin(segment: SegmentId): void;
  unpin(segment: SegmentId): void;
  now(): number;
  /** Bytes that this upload may leave unsynced: its share of the window. */
  windowBytes(): number;
  onEnd(upload: UploadSession): void;
}

/** Bodies up to this size go to the segment that small files share. */
const smallBytes = 256 * 1024;
/** Chunks of one upload on their way to the nodes at the same time. */
const inFlightLimit = 3;

/** References taken over at once. */
const referencesPerStep = 256;

/** A content whose bytes an upload goes on with. */
export interface CopySource {
  read(range: ByteRange): AsyncIterable<Buffer>;
  /** Of `count` chunks from the `first` on, all of which are there. */
  references(first: number, count: number): readonly ChunkReference[];
}

interface Piece {
  /** Undefined until its bytes are hashed. */
  reference: ChunkReference | undefined;
  /** False while the chunk is on its way. */
  isStored: boolean;
  /** Undefined for a chunk that was stored and committed before: it needs to be made durable no more. */
  appended: AppendedChunk | undefined;
}

/** What `finish` gives: opaque to the protocol layers, read by the volume when it is put. */
export interface FinishedUpload extends UploadedContent {
  readonly staged: StagedContent;
  readonly chunks: readonly AppendedChunk[];
  readonly session: UploadSession;
}

export interface UploadSessionOptions {
  readonly signal?: AbortSignal | undefined;
  readonly expectedBytes?: number | undefined;
  /** Copies that are wanted where it will be put. */
  readonly wanted: number;
}

export class UploadSession implements Upload {
  /** Copies that its chunks get. */
  readonly wanted: number;
  private readonly host: UploadHost;
  private readonly signal: AbortSignal | undefined;
  private expectedBytes: number | undefined;
  private readonly checksum = new ContentChecksum();
  private readonly pinned = new Set<SegmentId>();
  private readonly inFlight = new Set<Promise<void>>();
  /** The chunk in the making: gathered in memory that is used again, or for a short body its own buffers, joined at its end. */
  private memory: Buffer | undefined;
  private parts: Buffer[] = [];
  private filledBytes = 0;
  private reservedBytes = 0;
  private sizeBytes = 0;
  /** Chunks after the recorded ones, in order. */
  private pieces: Piece[] = [];
  private recordedCount = 0;
  private content: ContentId | null = null;
  private recording: Promise<void> | undefined;
  private failure: DriveError | undefined;
  private ended = false;
  private readonly afterwards: (() => void)[] = [];

  constructor(host: UploadHost, { signal, expectedBytes, wanted }: UploadSessionOptions) {
    this.host = host;
    this.signal = signal;
    this.expectedBytes = expectedBytes;
    this.wanted = wanted;
  }

  /** Aborted, put, or ended with its engine: its chunks are not to be referred to any more. */
  get hasEnded(): boolean {
    return this.ended;
  }

  async write(bytes: Buffer): Promise<boolean> {
    this.assertUsable();
    let isCopied = true;
    let offset = 0;
    while (offset < bytes.length) {
      if (this.reservedBytes === 0) await this.reserve();
      const take = Math.min(bytes.length - offset, chunkBytes - this.filledBytes);
      this.gather(bytes.subarray(offset, offset + take));
      isCopied &&= this.memory !== undefined;
      offset += take;
      if (this.filledBytes === chunkBytes) await this.sendChunk('bulk');
    }
    this.sizeBytes += bytes.length;
    return isCopied;
  }

  /** Called when it was put, or ended without. */
  onceEnded(callback: () => void): void {
    if (this.ended) callback();
    else this.afterwards.push(callback);
  }

  /** The body will be that long, more than what it brings itself. */
  expect(sizeBytes: number): void {
    this.expectedBytes = sizeBytes;
  }

  /**
   * Goes on with bytes of another content, which stays pinned until this one is put. Whole chunks are referred to where
   * they fall on a chunk's place here, too; what is left at the edges is read, and written like any other bytes.
   */
  async copy(source: CopySource, { start, end }: ByteRange): Promise<void> {
    let position = start;
    while (position < end) {
      const isAligned = this.filledBytes === 0 && position % chunkBytes === 0;
      const whole = isAligned ? Math.floor((end - position) / chunkBytes) : 0;
      if (whole > 0) {
        position += await this.refer(source.references(position / chunkBytes, Math.min(whole, referencesPerStep)));
      } else {
        const stop = Math.min(end, position - (position % chunkBytes) + chunkBytes);
        for await (const bytes of source.read({ start: position, end: stop })) await this.write(bytes);
        position = stop;
      }
    }
  }

  async finish(): Promise<FinishedUpload> {
    this.assertUsable();
    const lane = this.sizeBytes <= smallBytes ? 'small' : 'bulk';
    if (this.filledBytes > 0) await this.sendChunk(lane);
    while (this.inFlight.size > 0) await Promise.race(this.inFlight);
    await this.recording;
    this.assertUsable();
    const references = this.references(this.pieces);
    const staged: StagedContent = {
      content: this.content,
      recorded: this.recordedCount,
      chunks: references,
      sizeBytes: this.sizeBytes,
      checksum: this.checksum.digest(),
    };
    const chunks = this.pieces.flatMap((piece) => piece.appended ?? []);
    return { sizeBytes: this.sizeBytes, staged, chunks, session: this };
  }

  async abort(): Promise<void> {
    if (this.ended) return;
    this.failure ??= new DriveError('ABORTED');
    while (this.inFlight.size > 0) await Promise.race(this.inFlight);
    await this.recording;
    const { content } = this;
    this.end();
    if (content === null) return;
    const operations = [{ o: 'prune', entries: [], contents: [content] }] as const;
    // If this fails, the next opening prunes what was never finished.
    await this.host
      .submit({ kind: 'operations', principal: '', now: this.host.now(), operations }, [])
      .catch(() => undefined);
  }

  /** The content is referred to by an entry now: nothing is to be undone. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.releaseReserved();
    for (const segment of this.pinned) this.host.unpin(segment);
    this.pinned.clear();
    this.pieces = [];
    this.host.onEnd(this);
    for (const callback of this.afterwards) callback();
  }

  private async sendChunk(lane: Lane): Promise<void> {
    const plain = this.gathered();
    const reservedBytes = this.reservedBytes;
    this.memory = undefined;
    this.parts = [];
    this.filledBytes = 0;
    this.reservedBytes = 0;
    const piece: Piece = { reference: undefined, isStored: false, appended: undefined };
    this.pieces.push(piece);
    const sending = this.store(piece, plain, lane)
      .catch((error: unknown) => {
        this.failure ??= asDriveError(error);
      })
      .finally(() => {
        uploadMemory.giveBack(plain);
        this.host.budget.release(reservedBytes);
        this.inFlight.delete(sending);
      });
    this.inFlight.add(sending);
    if (this.inFlight.size >= inFlightLimit) await Promise.race(this.inFlight);
    await this.recordWhenDue();
    this.assertUsable();
  }

  /** Chunks that a pinned content holds are committed. Gives their length. */
  private async refer(references: readonly ChunkReference[]): Promise<number> {
    this.assertUsable();
    let lengthBytes = 0;
    for (const reference of references) {
      // Every chunk but the last of a content is full; a shorter one here would shift all that follows.
      if (reference[1] !== chunkBytes) throw new DriveError('CORRUPT', { message: 'a chunk in the middle is short' });
      this.pieces.push({ reference, isStored: true, appended: undefined });
      lengthBytes += reference[1];
    }
    if (lengthBytes === 0) throw new DriveError('CORRUPT', { message: 'the chunk list ends before the file does' });
    this.sizeBytes += lengthBytes;
    await this.recordWhenDue();
    this.assertUsable();
    return lengthBytes;
  }

  private gather(bytes: Buffer): void {
    if (this.memory) this.memory.set(bytes, this.filledBytes);
    else this.parts.push(bytes);
    this.filledBytes += bytes.length;
  }

  private gathered(): Buffer {
    if (this.memory) return this.memory.subarray(0, this.filledBytes);
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.filledBytes);
  }

  /** Of the first pieces, which are all named by now; each goes into the checksum once, in its order. */
  private references(pieces: readonly Piece[]): ChunkReference[] {
    const references = pieces.map((piece) => piece.reference!);
    this.checksum.add(references.slice(this.checksum.count - this.recordedCount));
    return references;
  }

  private async store(piece: Piece, plain: Buffer, lane: Lane): Promise<void> {
    const chunk: ChunkToStore = { id: await this.host.chunkId(plain), plain };
    piece.reference = [chunk.id, plain.length];
    const before = this.host.findStored(chunk);
    // As many copies as are wanted here must be there now, and stay there.
    if (before && Math.min(before.nodes.length, before.wanted) >= this.wanted) {
      this.pin(before.place.segment);
      piece.isStored = true;
      return;
    }
    // Other files may refer to it, who want more.
    const wanted = Math.max(this.wanted, before?.wanted ?? 0);
    const [appended] = await this.host.append([chunk], { lane, wanted, signal: this.signal });
    this.pin(appended!.place.segment);
    piece.appended = { ...appended!, before };
    piece.isStored = true;
  }

  private pin(segment: SegmentId): void {
    if (this.ended || this.pinned.has(segment)) return;
    this.pinned.add(segment);
    this.host.pin(segment);
  }

  /** Starts recording when the window is used up; waits when twice the window is. */
  private async recordWhenDue(): Promise<void> {
    const windowBytes = this.host.windowBytes();
    const unrecorded = this.pieces.length * chunkBytes;
    if (unrecorded < windowBytes) return;
    if (this.recording && unrecorded >= 2 * windowBytes) await this.recording;
    this.recording ??= this.record()
      .catch((error: unknown) => {
        this.failure ??= asDriveError(error);
      })
      .finally(() => {
        this.recording = undefined;
      });
  }

  private async record(): Promise<void> {
    const ready = this.pieces.findIndex((piece) => !piece.isStored);
    const batch = this.pieces.slice(0, ready < 0 ? this.pieces.length : ready);
    if (batch.length === 0) return;
    const base = { principal: '', now: this.host.now() } as const;
    if (this.content === null) {
      const { content } = await this.host.submit({ kind: 'reserve-content', ...base }, []);
      this.content = content!;
    }
    const chunks = this.references(batch);
    const operation = { o: 'chunks', content: this.content, first: this.recordedCount, chunks } as const;
    await this.host.submit(
      { kind: 'operations', ...base, operations: [operation] },
      batch.flatMap((piece) => piece.appended ?? []),
    );
    this.recordedCount += batch.length;
    this.pieces.splice(0, batch.length);
  }

  private async reserve(): Promise<void> {
    const leftBytes = (this.expectedBytes ?? 0) - this.sizeBytes;
    // Of what was not announced, or not so long, any chunk may become a whole one.
    const isLong = leftBytes <= 0 || leftBytes > smallBytes;
    const reservedBytes = isLong ? chunkBytes : leftBytes;
    await this.host.budget.acquire(reservedBytes);
    this.reservedBytes = reservedBytes;
    if (isLong) this.memory = uploadMemory.take();
    // What was granted after the end belongs to the others.
    if (this.ended) this.releaseReserved();
    this.assertUsable();
  }

  private releaseReserved(): void {
    if (this.memory) uploadMemory.giveBack(this.memory);
    this.memory = undefined;
    this.parts = [];
    this.filledBytes = 0;
    if (this.reservedBytes > 0) this.host.budget.release(this.reservedBytes);
    this.reservedBytes = 0;
  }

  private assertUsable(): void {
    if (this.failure) throw this.failure;
    if (this.ended) throw new DriveError('CLOSED');
    if (this.signal?.aborted) throw new DriveError('ABORTED');
  }
}
