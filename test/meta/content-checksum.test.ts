import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ChunkReference } from '../../src/core/ids.js';
import { ContentChecksum, contentChecksum, decodePage, encodePage } from '../../src/meta/content-checksum.js';

const reference = (number: number): ChunkReference => [number.toString(16).padStart(64, '0'), number + 1];
const list = (count: number): ChunkReference[] => Array.from({ length: count }, (_, index) => reference(index));

/** The definition in docs/format.md, written down once more and plainly. */
function byTheBook(chunks: readonly ChunkReference[]): string {
  const u64 = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  const size = chunks.reduce((sum, [, length]) => sum + length, 0);
  const parts: Buffer[] = [Buffer.from('HFCONT01'), u64(size), u64(chunks.length)];
  for (let at = 0; at < chunks.length; at += 256) {
    const page = chunks.slice(at, at + 256).map(([id, length]) => {
      const bytes = Buffer.alloc(36);
      Buffer.from(id, 'hex').copy(bytes);
      bytes.writeUInt32LE(length, 32);
      return bytes;
    });
    parts.push(sha256(Buffer.concat(page)));
  }
  return sha256(Buffer.concat(parts)).toString('hex');
}

describe('content checksum', () => {
  it('is that of the format, also for no chunks', () => {
    assert.equal(contentChecksum([]), '26107aacd5f20c98b11f9eff387d687a45ee602b326ab538b961cb81a458a5cb');
    for (const count of [0, 1, 255, 256, 257, 512, 600])
      assert.equal(contentChecksum(list(count)), byTheBook(list(count)));
  });

  it('is the same however the chunks come to it, and does not end the list', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 4 }), (counts) => {
        const checksum = new ContentChecksum();
        let total = 0;
        for (const count of counts) {
          checksum.add(list(total + count).slice(total));
          total += count;
          assert.equal(checksum.digest(), contentChecksum(list(total)));
          assert.equal(checksum.count, total);
          assert.equal(checksum.sizeBytes, (total * (total + 1)) / 2);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('changes with any chunk, length or order', () => {
    const chunks = list(3);
    const variants = [chunks, chunks.slice(1), [...chunks].reverse(), [...chunks, ...chunks]];
    variants.push(chunks.map(([id, length]) => [id, length + 1]));
    assert.equal(new Set(variants.map((variant) => contentChecksum(variant))).size, variants.length);
  });

  it('reads back any part of a page', () => {
    const chunks = list(256);
    const bytes = encodePage(chunks);
    assert.equal(bytes.length, 256 * 36);
    assert.deepEqual(decodePage(bytes), chunks);
    assert.deepEqual(decodePage(bytes, 250, 3), chunks.slice(250, 253));
    assert.deepEqual(decodePage(bytes, 250, 100), chunks.slice(250));
  });
});
