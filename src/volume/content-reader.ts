/**
 * Reads one content: pages of its chunk list from the index, verified bytes from the segment reader, the next chunks
 * asked for while the client takes the one before. The content stays pinned until `close`.
 */
import { DriveError, hasCode } from '../core/errors.js';
import type { MetaReader } from '../meta/meta-store.js';
import type { EntryRow } from '../meta/rows.js';
import { chunkBytes } from '../segment/chunk-id.js';
import type { ReadTarget } from '../store/store-types.js';
import type { ByteRange, ContentReader } from './volume.js';

export interface ContentSource {
  readonly reader: MetaReader;
  read(target: ReadTarget, start: number, end: number, options: { signal?: AbortSignal | undefined }): Promise<Buffer>;
  /** A chunk that no reachable node could give, verified. */
  onDamage(entry: EntryRow, error: DriveError): void;
}

/** Chunks whose places are looked up at once. */
const pageChunks = 64;
/** Chunks in flight ahead of the client: enough to hide a disk's latency, little memory with many clients. */
const aheadChunks = 2;

interface Piece {
  readonly target: ReadTarget | null;
  readonly start: number;
  readonly end: number;
}

export class PinnedContentReader implements ContentReader {
  readonly entry: EntryRow;
  readonly sizeBytes: number;
  private readonly source: ContentSource;
  private readonly unpin: () => void;
  private closed = false;

  constructor(entry: EntryRow, source: ContentSource, unpin: () => void) {
    this.entry = entry;
    this.sizeBytes = entry.sizeBytes;
    this.source = source;
    this.unpin = unpin;
  }

  async *read(range: ByteRange, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Buffer, void> {
    const stop = new AbortController();
    // Not AbortSignal.any: for a small file it would cost as much as the read itself.
    const onAbort = () => stop.abort();
    if (signal?.aborted) stop.abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const inFlight: Promise<Buffer>[] = [];
    try {
      for (const piece of this.pieces(range)) {
        const bytes = this.readPiece(piece, stop.signal);
        bytes.catch(() => undefined); // Reported where it is awaited; a reader that leaves early does not await it.
        inFlight.push(bytes);
        if (inFlight.length > aheadChunks) yield await inFlight.shift()!;
      }
      while (inFlight.length > 0) yield await inFlight.shift()!;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (inFlight.length > 0) stop.abort(); // An abort makes an error with a stack: not for each whole answer.
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.unpin();
  }

  private *pieces(range: ByteRange): Generator<Piece> {
    const end = Math.min(range.end, this.sizeBytes);
    if (this.entry.content === null || range.start >= end) return;
    let first = Math.floor(range.start / chunkBytes);
    let position = first * chunkBytes;
    while (position < end) {
      if (this.closed) throw new DriveError('CLOSED');
      const wanted = Math.min(pageChunks, Math.ceil((end - position) / chunkBytes));
      const page = this.source.reader.contentChunks(this.entry.content, first, wanted);
      if (page.length === 0) throw new DriveError('CORRUPT', { message: 'the chunk list ends before the file does' });
      for (const chunk of page) {
        const from = Math.max(range.start - position, 0);
        const to = Math.min(end - position, chunk.plainBytes);
        const nodes = chunk.replicas.map((replica) => replica.node);
        if (to > from) yield { target: chunk.place && { place: chunk.place, nodes }, start: from, end: to };
        position += chunk.plainBytes;
        if (position >= end) return;
      }
      first += page.length;
    }
  }

  private async readPiece(piece: Piece, signal: AbortSignal): Promise<Buffer> {
    if (signal.aborted) throw new DriveError('ABORTED');
    try {
      if (!piece.target) throw new DriveError('DAMAGED', { message: 'a part of this file lies on no known node' });
      return await this.readTarget(piece.target, piece, signal);
    } catch (error) {
      if (hasCode(error, 'DAMAGED', 'UNAVAILABLE')) this.source.onDamage(this.entry, error);
      throw error;
    }
  }

  /** Cleaning and healing may have moved the chunk since its place was looked up: then it is asked for where it is now. */
  private async readTarget(target: ReadTarget, { start, end }: Piece, signal: AbortSignal): Promise<Buffer> {
    try {
      return await this.source.read(target, start, end, { signal });
    } catch (error) {
      if (!hasCode(error, 'DAMAGED', 'UNAVAILABLE')) throw error;
      const now = this.source.reader.chunkPlace(target.place.chunk);
      const nodes = now?.replicas.map((replica) => replica.node) ?? [];
      const moved =
        now && (now.place.segment !== target.place.segment || nodes.some((node) => !target.nodes.includes(node)));
      if (!moved) throw error;
      return this.readTarget({ place: now.place, nodes }, { target, start, end }, signal);
    }
  }
}
