/**
 * A journal file as it was before it rotted: what verifies in it stays where it is, and the gaps are filled with the same
 * batches from other nodes. Batches are the same on every node and each names the hash of the one before, so a chain that
 * fills a gap exactly, and joins what stands on both sides, is what stood there. Where there is none, nothing is guessed.
 */
import { hasCode } from '../../core/errors.js';
import { batchesBehindDamage, decodeBatches } from '../../segment/batch-reader.js';
import type { DecodedBatch } from '../../segment/journal-batch.js';
import { type JournalFileName, parseJournalFileName } from '../../segment/journal-file-name.js';
import { type BatchHead, type JournalStore, readBatch, readJournal } from './journal-reader.js';

interface Gap {
  readonly start: number;
  readonly end: number;
  readonly before: DecodedBatch | undefined;
  readonly after: DecodedBatch | undefined;
}

/** The bytes of the file `name` on `store`, whole again; undefined when the others do not tell. FILE_MISSING, I/O errors of `store`. */
export async function repairedJournalFile(
  store: JournalStore,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
  others: readonly JournalStore[],
): Promise<Buffer | undefined> {
  const file = Buffer.from(await store.read('journal', name, 0, sizeBytes));
  const place = parseJournalFileName(name);
  if (!place || file.length !== sizeBytes) return undefined;
  const gaps = gapsIn(file);
  const batches = await KnownBatches.read(others, place);
  for (const gap of gaps) {
    let at = gap.start;
    for (const hash of batches.chainOver(gap) ?? []) {
      const bytes = await batches.bytesOf(hash);
      if (!bytes) return undefined;
      at += bytes.copy(file, at);
    }
    if (at !== gap.end) return undefined;
  }
  return file;
}

function gapsIn(file: Buffer): Gap[] {
  const { batches, validBytes } = decodeBatches(file);
  const gaps: Gap[] = [];
  let start = validBytes;
  let before = batches.at(-1);
  for (const { offset: end, batch: after } of batchesBehindDamage(file, validBytes)) {
    if (end > start) gaps.push({ start, end, before, after });
    start = end + after.bytes.length;
    before = after;
  }
  if (start < file.length) gaps.push({ start, end: file.length, before, after: undefined });
  return gaps;
}

/** The batches that the other nodes hold of one file. */
class KnownBatches {
  private readonly place: JournalFileName;
  private readonly sources = new Map<string, { readonly store: JournalStore; readonly head: BatchHead }[]>();
  /** By the hash of the batch before. */
  private readonly followers = new Map<string, BatchHead[]>();

  private constructor(place: JournalFileName) {
    this.place = place;
  }

  /** A node that cannot be read now gives nothing. */
  static async read(stores: readonly JournalStore[], place: JournalFileName): Promise<KnownBatches> {
    const known = new KnownBatches(place);
    // The first batch of the next epoch proves that the one before it counts.
    const keeps = ({ epoch, epochOperations }: BatchHead) => epoch === place.epoch || epochOperations !== null;
    for (const store of stores) {
      try {
        const { heads } = await readJournal(store, place.firstSequence - 1, { keeps });
        for (const head of heads) known.add(store, head);
      } catch (error) {
        if (!hasCode(error, 'NODE_GONE', 'NODE_IO', 'FILE_MISSING', 'CLOSED')) throw error;
      }
    }
    return known;
  }

  /** Hashes of the batches that stood there; undefined when that is not certain. */
  chainOver({ start, end, before, after }: Gap): readonly string[] | undefined {
    const chain = after ? this.back(after.previousHash, end - start) : this.forth(before?.hash, end - start);
    const first = this.sources.get(chain?.[0] ?? '')?.[0]?.head;
    if (!first || first.epoch !== this.place.epoch) return undefined;
    const isJoined = before ? first.previousHash === before.hash : first.sequence === this.place.firstSequence;
    return isJoined ? chain : undefined;
  }

  /** Verified bytes; undefined when no node gives them any more. */
  async bytesOf(hash: string): Promise<Buffer | undefined> {
    for (const { store, head } of this.sources.get(hash) ?? []) {
      try {
        return (await readBatch(store, head)).bytes;
      } catch (error) {
        if (!hasCode(error, 'CORRUPT', 'NODE_GONE', 'NODE_IO', 'FILE_MISSING', 'CLOSED')) throw error;
      }
    }
    return undefined;
  }

  private add(store: JournalStore, head: BatchHead): void {
    const sources = this.sources.get(head.hash);
    if (sources) {
      sources.push({ store, head });
      return;
    }
    this.sources.set(head.hash, [{ store, head }]);
    const followers = this.followers.get(head.previousHash);
    if (followers) followers.push(head);
    else this.followers.set(head.previousHash, [head]);
  }

  private back(lastHash: string, lengthBytes: number): string[] | undefined {
    const chain: string[] = [];
    let left = lengthBytes;
    for (let hash = lastHash; left > 0; ) {
      const head = this.sources.get(hash)?.[0]?.head;
      if (!head) return undefined;
      chain.push(hash);
      left -= head.lengthBytes;
      hash = head.previousHash;
    }
    return left === 0 ? chain.reverse() : undefined;
  }

  /** A batch that failed may have a twin that counts: only what another one stands on is taken. */
  private forth(beforeHash: string | undefined, lengthBytes: number): string[] | undefined {
    const { firstSequence, epoch } = this.place;
    const counts = (head: BatchHead) => head.epoch === epoch && this.followers.has(head.hash);
    const isFirst = ({ head }: { readonly head: BatchHead }) => head.sequence === firstSequence && counts(head);
    const chain: string[] = [];
    let left = lengthBytes;
    let next =
      beforeHash === undefined
        ? [...this.sources.values()].find(([source]) => isFirst(source!))?.[0]?.head
        : this.followers.get(beforeHash)?.find(counts);
    for (; next && left > 0; next = this.followers.get(next.hash)?.find(counts)) {
      chain.push(next.hash);
      left -= next.lengthBytes;
    }
    return left === 0 ? chain : undefined;
  }
}
