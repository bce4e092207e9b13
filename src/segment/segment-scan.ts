/**
 * Reads what a segment file holds from its records alone, by hopping from head to head; a footer that verifies saves
 * the hopping when payloads are not to be verified. The last item is always the end. Reads through `read` only.
 * It stops at the first head that does not decode: what lies behind it is found from the index, a footer, or a copy.
 */
import { hasCode } from '../core/errors.js';
import type { SegmentId } from '../core/ids.js';
import { longestChunkBytes } from './chunk-id.js';
import type { ChunkPlace } from './chunk-place.js';
import { announcedHeadBytes, decodeHead, type RecordHead, recordHeaderBytes, verifyBlocks } from './record.js';
import { decodeFooter, footerBytes, footerOffset, footerTrailerBytes } from './segment-footer.js';
import { segmentHeaderBytes } from './segment-header.js';
import { hasZeroPage } from './zero-pages.js';

/**
 * 'cut': the file ends inside it, or each part that does not verify has a page of zeros: what a power cut leaves.
 * 'damaged': it does not verify for any other reason. Without `verifyPayload`, 'whole' means that the head verifies and
 * the file is long enough.
 */
export type RecordCondition = 'whole' | 'cut' | 'damaged';

export interface ScannedRecord {
  readonly kind: 'record';
  readonly place: ChunkPlace;
  readonly condition: RecordCondition;
}

export interface ScanEnd {
  readonly kind: 'end';
  /** One past the last record that lies wholly inside the file, whatever its condition. */
  readonly offset: number;
  /** What lies at `offset`: nothing, a record that was not finished, or something that is not a record. */
  readonly rest: 'clean' | 'cut' | 'damaged';
}

export interface ScanOptions {
  readonly segment: SegmentId;
  /** Length of the file, or the part of it that counts (the length of its seal). */
  readonly sizeBytes: number;
  /** Offset of a record; default: the first one. */
  readonly from?: number | undefined;
  /** Up to `length` bytes from `position`, shorter only at the end of the file. Its errors end the scan. */
  readonly read: (position: number, length: number) => Promise<Buffer>;
  readonly verifyPayload: boolean;
}

/** Enough for some heads of small records, and little beside a record of 1 MiB. */
const windowBytes = 64 * 1024;

export async function* scanSegment(options: ScanOptions): AsyncGenerator<ScannedRecord | ScanEnd, void> {
  const { segment, sizeBytes, from = segmentHeaderBytes, verifyPayload } = options;
  if (from === segmentHeaderBytes && !verifyPayload) {
    const records = await readFooter(options);
    if (records) {
      for (const place of records) yield { kind: 'record', place, condition: 'whole' };
      yield { kind: 'end', offset: sizeBytes, rest: 'clean' };
      return;
    }
  }
  const window = new ReadWindow(options);
  let offset = from;
  while (offset < sizeBytes) {
    const head = await readHead(window, segment, offset);
    if (head === 'cut' || head === 'damaged') {
      yield { kind: 'end', offset, rest: head };
      return;
    }
    const fits = offset + head.recordBytes <= sizeBytes;
    if (head.type === 'chunk') {
      const condition = !fits ? 'cut' : verifyPayload ? await payloadCondition(window, head) : 'whole';
      const { chunk, plainBytes, recordBytes } = head;
      yield { kind: 'record', place: { chunk, segment, offset, recordBytes, plainBytes }, condition };
    }
    if (!fits) {
      yield { kind: 'end', offset, rest: 'cut' };
      return;
    }
    offset += head.recordBytes;
  }
  yield { kind: 'end', offset, rest: 'clean' };
}

async function readFooter({ segment, sizeBytes, read }: ScanOptions): Promise<ChunkPlace[] | undefined> {
  if (sizeBytes < segmentHeaderBytes + footerBytes(1)) return undefined;
  const tailStart = Math.max(0, sizeBytes - windowBytes);
  const tail = await read(tailStart, sizeBytes - tailStart);
  if (tail.length !== sizeBytes - tailStart) return undefined;
  const offset = footerOffset(tail.subarray(-footerTrailerBytes), sizeBytes);
  if (offset === undefined) return undefined;
  const bytes = offset >= tailStart ? tail.subarray(offset - tailStart) : await read(offset, sizeBytes - offset);
  try {
    return decodeFooter(segment, offset, bytes);
  } catch (error) {
    // Damage of the footer alone costs nothing: the heads say the same.
    if (hasCode(error, 'CORRUPT')) return undefined;
    throw error;
  }
}

async function readHead(
  window: ReadWindow,
  segment: SegmentId,
  offset: number,
): Promise<RecordHead | 'cut' | 'damaged'> {
  let bytes = await window.get(offset, recordHeaderBytes);
  let wanted = recordHeaderBytes;
  try {
    if (bytes.length === wanted) {
      wanted = announcedHeadBytes(bytes);
      bytes = await window.get(offset, wanted);
    }
    if (bytes.length < wanted) return 'cut';
    return decodeHead(bytes, { segment, offset });
  } catch (error) {
    if (!hasCode(error, 'CORRUPT')) throw error;
    return hasZeroPage(bytes, offset) ? 'cut' : 'damaged';
  }
}

async function payloadCondition(window: ReadWindow, head: RecordHead): Promise<RecordCondition> {
  let position = head.offset + head.headBytes;
  let condition: RecordCondition = 'whole';
  for (let block = 0; block < head.blocks.length; block += 1) {
    const { storedBytes } = head.blocks[block]!;
    const stored = await window.get(position, storedBytes, head.offset + head.recordBytes);
    if (stored.length < storedBytes) return 'cut';
    try {
      verifyBlocks(head, { firstBlock: block, lastBlock: block }, stored);
    } catch (error) {
      if (!hasCode(error, 'CORRUPT')) throw error;
      if (!hasZeroPage(stored, position)) return 'damaged';
      condition = 'cut';
    }
    position += storedBytes;
  }
  return condition;
}

/** The bytes read last, so that neighbouring heads cost one read and a payload is read in one go. */
class ReadWindow {
  private start = 0;
  private bytes: Buffer = Buffer.alloc(0);

  constructor(private readonly options: Pick<ScanOptions, 'read' | 'sizeBytes'>) {}

  /** `length` bytes, fewer only at the end of the file; reads ahead to `aheadTo` when it has to read. */
  async get(position: number, length: number, aheadTo = 0): Promise<Buffer> {
    const { read, sizeBytes } = this.options;
    const end = Math.min(position + length, sizeBytes);
    if (position < this.start || end > this.start + this.bytes.length) {
      const ahead = Math.min(Math.max(position + windowBytes, aheadTo), position + longestChunkBytes, sizeBytes);
      this.bytes = await read(position, Math.max(end, ahead) - position);
      this.start = position;
    }
    return this.bytes.subarray(position - this.start, end - this.start);
  }
}
