/** Turns a good input into a nearly good one. The same seed gives the same inputs for ever. */
import type { SeededRandom } from '../../support/seeded-random.js';

const numbers = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65536',
  '4294967295',
  '9007199254740993',
  '18446744073709551616',
  '1e9',
  'NaN',
];
const words = [
  '',
  '\0',
  '\r\n',
  '%00',
  '%2e%2e',
  '../',
  '//',
  '\\',
  '"',
  '<',
  '&',
  '(',
  ')',
  'Not',
  '*',
  'W/',
  ',',
  '{}',
  '__proto__',
  '\xff',
  '\xed\xa0\x80',
];
const longestGrowth = 4096;

export function mutate(seeds: readonly Buffer[], random: SeededRandom): Buffer {
  let bytes = Buffer.from(random.pick(seeds));
  const rounds = 1 + random.integer(4);
  for (let round = 0; round < rounds; round += 1) bytes = Buffer.from(random.pick(changes)(bytes, random, seeds));
  return bytes;
}

type Change = (bytes: Buffer, random: SeededRandom, seeds: readonly Buffer[]) => Buffer;

const cut = (bytes: Buffer, random: SeededRandom): [number, number] => {
  const at = random.integer(bytes.length + 1);
  return [at, Math.min(bytes.length, at + random.integer(random.integer(2) === 0 ? 8 : bytes.length + 1))];
};
const replaced = (bytes: Buffer, [from, to]: readonly [number, number], by: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

const changes: readonly Change[] = [
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.integer(bytes.length)] = random.integer(256);
    return bytes;
  },
  (bytes, random) => replaced(bytes, cut(bytes, random), Buffer.alloc(0)),
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = cut(bytes, random);
    const times = 1 + random.integer(Math.max(1, Math.floor(longestGrowth / Math.max(1, to - from))));
    return replaced(bytes, [to, to], Buffer.concat(Array.from({ length: times }, () => bytes.subarray(from, to))));
  },
  (bytes, random) => replaced(bytes, cut(bytes, random), Buffer.from(random.pick(words), 'latin1')),
  (bytes, random, seeds) => {
    const other = random.pick(seeds);
    const [from, to] = cut(other, random);
    return replaced(bytes, cut(bytes, random), other.subarray(from, to));
  },
  (bytes, random) => {
    const found = [...bytes.toString('latin1').matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const { index, 0: digits } = random.pick(found);
    return replaced(bytes, [index, index + digits.length], Buffer.from(random.pick(numbers)));
  },
];
