/** A journal file that rotted is made again byte for byte from other nodes, or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBatch, genesisHash } from '../../../src/segment/journal-batch.js';
import { readJournal } from '../../../src/store/journal/journal-reader.js';
import { repairedJournalFile } from '../../../src/store/journal/journal-repair.js';
import { type EncodedBatch, JournalWriter } from '../../../src/store/journal/journal-writer.js';
import { MemoryNodeStore } from '../../support/memory-node-store.js';

/** Of a batch, with its checksums. */
const headerBytes = 112;
const epochs = ['a'.repeat(16), 'b'.repeat(16)] as const;

/** `count` batches in the first epoch, then the record of the second one. */
function chainOf(count: number): EncodedBatch[] {
  const chain: EncodedBatch[] = [];
  let previousHash = genesisHash;
  for (let sequence = 1; sequence <= count + 1; sequence += 1) {
    const isEpoch = sequence === 1 || sequence === count + 1;
    const epoch = epochs[sequence === count + 1 ? 1 : 0]!;
    const operations = Buffer.alloc(20 + ((sequence * 37) % 400), sequence);
    const header = { sequence, previousSequence: sequence - 1, previousHash, epoch, writer: 'f'.repeat(16), isEpoch };
    const { bytes, hash } = encodeBatch({ ...header, operations });
    chain.push({ sequence, epoch, bytes });
    previousHash = hash;
  }
  return chain;
}

async function nodeWith(letter: string, ...runs: readonly (readonly EncodedBatch[])[]): Promise<MemoryNodeStore> {
  const store = new MemoryNodeStore(letter.repeat(16));
  for (const [index, batches] of runs.entries()) {
    const writer = new JournalWriter({ store, fileId: `${letter}${index}`.padEnd(16, '0') });
    for (const batch of batches) await writer.append([batch]);
    await writer.close();
  }
  return store;
}

/** The first file. */
async function damaged(store: MemoryNodeStore, ...positions: number[]) {
  const [name] = store.names('journal').sort();
  const whole = Buffer.from(store.bytesOf('journal', name!));
  for (const position of new Set(positions.map((each) => each % whole.length)))
    store.damage('journal', name!, position);
  const { damagedFiles } = await readJournal(store, 0);
  return { name: name!, whole, sizeBytes: whole.length, isDamaged: damagedFiles.length === 1 };
}

test('whatever bits flipped in it, it is the same again', async () => {
  const chain = chainOf(8);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), async (positions) => {
      const store = await nodeWith('a', chain);
      // The others hold the same in other files.
      const other = await nodeWith('b', chain.slice(0, 3), chain.slice(2));
      const { name, whole, sizeBytes, isDamaged } = await damaged(store, ...positions);
      assert.ok(isDamaged);
      assert.deepEqual(await repairedJournalFile(store, { name, sizeBytes }, [other]), whole);
    }),
    { numRuns: 60 },
  );
});

test('what one of the others lacks, or has damaged too, comes from the next', async () => {
  const chain = chainOf(9);
  const store = await nodeWith('a', chain);
  const other = await nodeWith('b', chain);
  const { name, whole, sizeBytes } = await damaged(store, 50, 700, 1_300);
  await damaged(other, 700);
  const third = await nodeWith('c', chain.slice(2));
  assert.deepEqual(await repairedJournalFile(store, { name, sizeBytes }, [other, third]), whole);
});

test('nothing is guessed where no other node knows, or where what they know does not fit', async () => {
  const chain = chainOf(9);
  const store = await nodeWith('a', chain);
  const { name, sizeBytes } = await damaged(store, 700);
  assert.equal(await repairedJournalFile(store, { name, sizeBytes }, []), undefined);
  const other = await nodeWith('b', chain);
  await damaged(other, 700);
  assert.equal(await repairedJournalFile(store, { name, sizeBytes }, [other]), undefined);
  const alike = chainOf(9).map((batch) => ({ ...batch, bytes: Buffer.from(batch.bytes) }));
  const foreign = encodeBatch({
    sequence: 1,
    previousSequence: 0,
    previousHash: genesisHash,
    epoch: epochs[0],
    writer: 'e'.repeat(16),
    isEpoch: true,
    operations: alike[0]!.bytes.subarray(headerBytes),
  });
  const first = await nodeWith('c', chain);
  const rotten = await damaged(first, 20);
  const stranger = await nodeWith('d', [{ ...alike[0]!, bytes: foreign.bytes }]);
  assert.equal(await repairedJournalFile(first, rotten, [stranger]), undefined);
});

test('a batch that was given up is not taken for the one that counts', async () => {
  const chain = chainOf(5);
  const store = await nodeWith('a', chain.slice(0, 5));
  const { name, sizeBytes, whole } = await damaged(store, sizeOf(chain.slice(0, 4)) + 150);
  const givenUp = await nodeWith('b', [...chain.slice(0, 4), await twinOf(chain, 4)]);
  assert.equal(await repairedJournalFile(store, { name, sizeBytes }, [givenUp]), undefined);
  assert.deepEqual(await repairedJournalFile(store, { name, sizeBytes }, [givenUp, await nodeWith('c', chain)]), whole);
});

test('batches that fit to the byte and do not go on from what stands before them are not put there', async () => {
  const chain = chainOf(6);
  const stale = chain.with(2, await twinOf(chain, 2));
  const store = await nodeWith('a', stale);
  const { name, sizeBytes } = await damaged(store, sizeOf(stale.slice(0, 3)) + 150);
  assert.equal(await repairedJournalFile(store, { name, sizeBytes }, [await nodeWith('b', chain)]), undefined);
});

/** Another batch behind the same one, just as long: what was written when the first try to write it failed. */
async function twinOf(chain: readonly EncodedBatch[], index: number): Promise<EncodedBatch> {
  const { heads } = await readJournal(await nodeWith('e', chain), 0);
  const { sequence, previousHash } = heads[index]!;
  const operations = Buffer.alloc(chain[index]!.bytes.length - headerBytes, 'x');
  const header = { sequence, previousSequence: sequence - 1, previousHash, epoch: epochs[0], writer: '9'.repeat(16) };
  return { ...chain[index]!, bytes: encodeBatch({ ...header, isEpoch: false, operations }).bytes };
}

const sizeOf = (batches: readonly EncodedBatch[]): number => batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
