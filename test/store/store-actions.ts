/** Small things that the store's tests do again and again. */
import { decodeHead, verifyBlocks } from '../../src/segment/record.js';
import type { AppendedChunk } from '../../src/store/store-types.js';
import { chunkOf, type Fixture, fileBytes, nodeOf } from './store-fixture.js';

export async function appendOne(
  fixture: Fixture,
  lengthBytes: number,
  seed: number,
  lane: 'small' | 'bulk' | 'clean' = 'small',
) {
  const [appended] = await fixture.store.append([chunkOf(lengthBytes, seed)], { lane });
  return appended!;
}

/** Each node that is said to have taken the chunk holds its record. */
export function assertHeld(fixture: Fixture, { place, nodes }: AppendedChunk): void {
  for (const id of nodes) {
    const record = fileBytes(nodeOf(fixture, id), place.segment).subarray(
      place.offset,
      place.offset + place.recordBytes,
    );
    const head = decodeHead(record, place);
    verifyBlocks(head, { firstBlock: 0, lastBlock: head.blocks.length - 1 }, record.subarray(head.headBytes));
  }
}

export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

export const writesOf = (fixture: Fixture) =>
  fixture.nodes.flatMap(({ store }) => store.log.filter((e) => e.operation === 'write' && e.phase === 'end'));
