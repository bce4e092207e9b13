/**
 * Reads one content: pages of its chunk list from the index, verified bytes from the segment reader, the next chunks
 * asked for while the client takes the one before. The content stays pinned until `close`.
 */
import type { Clock } from '../core/clock.js';
import { DriveError, hasCode } from '../core/errors.js';
import { askIndex, type MetaReader } from '../meta/meta-store.js';
import type { ChunkId, ContentId } from '../meta/operations.js';
import type { EntryRow } from '../meta/rows.js';
import { chunkBytes } from '../segment/chunk-id.js';
import { isGoneSince, placeNotKnown, withNextStep } from '../store/read/out-of-reach.js';
import type { SegmentReader } from '../store/read/segment-reader.js';
import type { ReadTarget } from '../store/store-types.js';
import type { EngineNode } from './engine-node.js';
import type { ByteRange, ContentReader } from './volume.js';

export interface ContentSource {
  /** Those that the content was opened with. */
  readonly opened: ServingReads;
  /** The index and the nodes as they are now: others after the volume was reopened. UNAVAILABLE, CLOSED. */
  current(): Promise<ServingReads>;
  readonly clock: Clock;
  /** What is only out of reach is asked for again this long, unless its nodes were gone for as long already. */
  readonly retryMs: number;
  /** All of the volume, as they are now. */
  readonly nodes: () => readonly EngineNode[];
  readonly events: {
    /** A chunk that no reachable node could give, verified. */
    onDamage(entry: EntryRow, error: DriveError): void;
    /** Every byte of it was given, verified. */
    onReadWhole?(entry: EntryRow): void;
  };
}

export interface ServingReads {
  readonly reader: MetaReader;
  readonly segmentReader: Pick<SegmentReader, 'read' | 'atHand'>;
  /** Told of each piece of a long read: its client is there all the time. */
  noteRequest(): void;
}

/** Between two attempts to reach a copy. */
const retryPauseMs = 200;
/** Chunks whose places are looked up at once. */
const pageChunks = 64;
/** Chunks in flight ahead of the client: enough to hide a disk's latency, little memory with many clients. */
const aheadChunks = 2;

interface Piece {
  readonly chunk: ChunkId;
  /** null: its place is not known. */
  readonly target: ReadTarget | null;
  readonly start: number;
  readonly end: number;
}

export class PinnedContentReader implements ContentReader {
  readonly entry: EntryRow;
  readonly sizeBytes: number;
  private readonly source: ContentSource;
  private readonly unpin: () => void;
  /** Milliseconds since 1970. */
  private readonly began: number;
  private closed = false;

  constructor(entry: EntryRow, source: ContentSource, unpin: () => void) {
    this.entry = entry;
    this.sizeBytes = entry.sizeBytes;
    this.source = source;
    this.unpin = unpin;
    this.began = source.clock.now();
  }

  async *read(range: ByteRange, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Buffer, void> {
    if (isWithinOneChunk(range)) {
      yield* this.readOne(range, signal);
      return;
    }
    const stop = new AbortController();
    // Not AbortSignal.any: for a small file it would cost as much as the read itself.
    const onAbort = () => stop.abort();
    if (signal?.aborted) stop.abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const inFlight: Promise<Buffer>[] = [];
    try {
      for await (const piece of this.pieces(range)) {
        const bytes = this.readPiece(piece, stop.signal);
        bytes.catch(() => undefined); // Reported where it is awaited; a reader that leaves early does not await it.
        inFlight.push(bytes);
        if (inFlight.length > aheadChunks) yield await inFlight.shift()!;
      }
      while (inFlight.length > 0) yield await inFlight.shift()!;
      this.noteRead(range);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (inFlight.length > 0) stop.abort(); // An abort makes an error with a stack: not for each whole answer.
    }
  }

  atHand(range: ByteRange): Buffer | undefined {
    const { entry, sizeBytes, source } = this;
    if (this.closed || entry.content === null || range.end > sizeBytes || !isWithinOneChunk(range)) return undefined;
    const chunk = placeAtHand(source.opened.reader, entry.content, Math.floor(range.start / chunkBytes));
    if (!chunk?.place) return undefined;
    const start = range.start % chunkBytes;
    const bytes = source.opened.segmentReader.atHand(chunk.place, start, start + range.end - range.start);
    if (bytes !== undefined) this.noteRead(range);
    return bytes;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.unpin();
  }

  /** Nothing is read ahead, so nothing of its own has to be stopped: a signal costs more than a small read. */
  private async *readOne(range: ByteRange, signal: AbortSignal | undefined): AsyncGenerator<Buffer, void> {
    for await (const piece of this.pieces(range)) yield await this.readPiece(piece, signal);
    this.noteRead(range);
  }

  private noteRead({ start, end }: ByteRange): void {
    if (start === 0 && end >= this.sizeBytes) this.source.events.onReadWhole?.(this.entry);
  }

  private async *pieces(range: ByteRange): AsyncGenerator<Piece> {
    const end = Math.min(range.end, this.sizeBytes);
    if (this.entry.content === null || range.start >= end) return;
    let first = Math.floor(range.start / chunkBytes);
    let position = first * chunkBytes;
    while (position < end) {
      if (this.closed) throw new DriveError('CLOSED');
      const wanted = Math.min(pageChunks, Math.ceil((end - position) / chunkBytes));
      const { content } = this.entry;
      const from = first;
      const page = await askIndex(this.source.current, ({ reader }) => reader.contentChunks(content, from, wanted));
      if (page.length === 0) throw new DriveError('CORRUPT', { message: 'the chunk list ends before the file does' });
      for (const chunk of page) {
        const start = Math.max(range.start - position, 0);
        const to = Math.min(end - position, chunk.plainBytes);
        const nodes = chunk.replicas.map((replica) => replica.node);
        const target = chunk.place && { place: chunk.place, nodes };
        if (to > start) yield { chunk: chunk.chunk, target, start, end: to };
        position += chunk.plainBytes;
        if (position >= end) return;
      }
      first += page.length;
    }
  }

  private async readPiece(piece: Piece, signal: AbortSignal | undefined): Promise<Buffer> {
    if (signal?.aborted) throw new DriveError('ABORTED');
    try {
      return await this.readTarget(piece, signal);
    } catch (error) {
      // What is only out of reach is no damage.
      if (hasCode(error, 'DAMAGED')) this.source.events.onDamage(this.entry, error);
      throw error;
    }
  }

  /**
   * Cleaning and healing may have moved the chunk since its place was looked up: then it is asked for where it is now.
   * A copy that is only out of reach may be back in a moment, and a volume being reopened soon serves again.
   * Nodes that had been gone for longer when this read began are not waited for: with a thousand files on them each
   * would hold its reader up.
   */
  private async readTarget(piece: Piece, signal: AbortSignal | undefined): Promise<Buffer> {
    const { clock, retryMs, nodes } = this.source;
    const { chunk, start, end } = piece;
    const deadline = clock.monotonic() + retryMs;
    let { target } = piece;
    for (;;) {
      try {
        const serving = await this.source.current();
        serving.noteRequest();
        if (!target) throw placeNotKnown(chunk, nodes(), clock.now() - retryMs);
        return await serving.segmentReader.read(target, start, end, { signal });
      } catch (error) {
        const isOutOfReach = hasCode(error, 'UNAVAILABLE');
        if (!isOutOfReach && !hasCode(error, 'DAMAGED')) throw error;
        const now = await this.placeNow(chunk, target);
        const isOver =
          !isOutOfReach || clock.monotonic() >= deadline || isGoneSince(error, nodes(), this.began - retryMs);
        if (!now && isOver) throw withNextStep(error, nodes());
        if (!now) await clock.sleep(Math.min(retryPauseMs, retryMs), { signal });
        target = now ?? target;
      }
      if (signal?.aborted) throw new DriveError('ABORTED');
    }
  }

  /** undefined when it is where it was. */
  private async placeNow(chunk: ChunkId, target: ReadTarget | null): Promise<ReadTarget | undefined> {
    const now = await askIndex(this.source.current, ({ reader }) => reader.chunkPlace(chunk));
    const nodes = now?.replicas.map((replica) => replica.node) ?? [];
    const hasMoved =
      now && (now.place.segment !== target?.place.segment || nodes.some((node) => !target.nodes.includes(node)));
    return hasMoved ? { place: now.place, nodes } : undefined;
  }
}

const isWithinOneChunk = ({ start, end }: ByteRange): boolean =>
  start < end && Math.floor(start / chunkBytes) === Math.floor((end - 1) / chunkBytes);

/** undefined also when the index cannot say: whoever reads then meets the same trouble, and answers it. */
function placeAtHand(reader: MetaReader, content: ContentId, first: number) {
  try {
    return reader.contentChunks(content, first, 1)[0];
  } catch {
    return undefined;
  }
}
