/** What lies on nodes, which anybody may have edited while a disk was elsewhere. */
import { isDeepStrictEqual } from 'node:util';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/meta/checkpoint-file.js';
import { decodeOperations, encodeOperation, encodeOperations } from '../../../src/meta/operation-codec.js';
import type { Operation } from '../../../src/meta/operations.js';
import { decodePassport, encodePassport } from '../../../src/node/passport.js';
import { decodeBatches } from '../../../src/segment/batch-reader.js';
import { chunkId } from '../../../src/segment/chunk-id.js';
import { encodeBatch, genesisHash } from '../../../src/segment/journal-batch.js';
import { encodeRecord } from '../../../src/segment/record.js';
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderBytes } from '../../../src/segment/segment-header.js';
import { scanSegment } from '../../../src/segment/segment-scan.js';
import { ensure, type Target } from './target.js';

const id = '0123456789abcdef';
const segment = `${id}-00000001`;
const volume = 'feedfacefeedface';
const plains = [Buffer.from('small'), Buffer.alloc(70_000, 'records of two blocks '), Buffer.alloc(300, 7)];
const chunks = new Set(plains.map(chunkId));

function makeSegment(): Buffer {
  const parts = [encodeSegmentHeader({ volume, segment })];
  let offset = segmentHeaderBytes;
  for (const plain of plains) {
    const chunk = chunkId(plain);
    const { head, payload } = encodeRecord({ segment, offset, chunk, plain });
    const record = Buffer.concat([head, payload]);
    parts.push(record);
    offset += record.length;
  }
  return Buffer.concat(parts);
}

const segments: Target = {
  name: 'segments',
  seeds: [makeSegment()],
  mayThrow: ['CORRUPT', 'NEWER_FORMAT'],
  attempt: async (bytes) => {
    decodeSegmentHeader(bytes.subarray(0, segmentHeaderBytes));
    const read = async (position: number, length: number) => bytes.subarray(position, position + length);
    for (const verifyPayload of [true, false]) {
      let end = 0;
      for await (const item of scanSegment({ segment, sizeBytes: bytes.length, read, verifyPayload })) {
        if (item.kind === 'end') end = item.offset;
        else if (verifyPayload && item.condition === 'whole') {
          ensure(chunks.has(item.place.chunk), 'only what was written verifies');
        }
      }
      ensure(end <= bytes.length, 'nothing lies behind the end');
    }
  },
};

const operations: readonly Operation[] = [
  { o: 'volume', id: volume, name: 'home', replicas: 2, created: 5 },
  { o: 'user', name: 'ana', rights: 'write', credentials: 'x' },
  { o: 'data', segments: [{ id: segment, nodes: [id] }] },
  { o: 'content', id: 1, size: 2, count: 1, checksum: 'a'.repeat(64) },
  { o: 'entry', id: 2, parent: 1, name: 'n', kind: 'file', content: 1, created: 1, modified: 2, time: 3 },
  { o: 'property', entry: 2, namespace: '', name: 'p', value: '<p/>' },
];

const operationLines: Target = {
  name: 'operations',
  seeds: [encodeOperations(operations)],
  mayThrow: ['CORRUPT', 'NEWER_FORMAT'],
  attempt: (bytes) => {
    for (const operation of decodeOperations(bytes)) {
      const line = encodeOperation(operation);
      ensure(encodeOperation([...decodeOperations(Buffer.from(line))][0]!) === line, 'what was read can be written');
    }
    ensure(!Object.hasOwn(Object.prototype, 'polluted'), 'no prototype is changed');
  },
};

function makeJournal(): { readonly bytes: Buffer; readonly hashes: ReadonlySet<string> } {
  let previousHash = genesisHash;
  const batches = [1, 2, 3].map((sequence) => {
    const batch = { sequence, previousSequence: sequence - 1, previousHash, epoch: id, writer: id, isEpoch: false };
    const encoded = encodeBatch({ ...batch, operations: encodeOperations(operations) });
    previousHash = encoded.hash;
    return encoded;
  });
  return {
    bytes: Buffer.concat(batches.map(({ bytes }) => bytes)),
    hashes: new Set(batches.map((batch) => batch.hash)),
  };
}
const journal = makeJournal();

const journals: Target = {
  name: 'journals',
  seeds: [journal.bytes],
  mayThrow: ['NEWER_FORMAT'],
  attempt: (bytes) => {
    const { batches, validBytes } = decodeBatches(bytes);
    ensure(
      batches.every((batch) => journal.hashes.has(batch.hash)),
      'only what was written verifies',
    );
    ensure(validBytes <= bytes.length, 'nothing lies behind the end');
  },
};

const passport = { volume, node: id, label: 'disk \u00e9', created: 1_700_000_000_000 };

const passports: Target = {
  name: 'passports',
  seeds: [encodePassport(passport)],
  mayThrow: ['CORRUPT', 'NEWER_FORMAT'],
  attempt: (bytes) => {
    ensure(JSON.stringify(decodePassport(bytes)) === JSON.stringify(passport), 'only what was written verifies');
  },
};

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

const header = { volume, sequence: 7, hash: 'b'.repeat(64), epoch: id, time: 1 };
const checkpoint = await (async () => {
  const parts: Buffer[] = [];
  for await (const part of encodeCheckpoint(header, once(encodeOperations(operations)))) parts.push(part);
  return Buffer.concat(parts);
})();

const checkpoints: Target = {
  name: 'checkpoints',
  seeds: [checkpoint],
  mayThrow: ['CORRUPT', 'NEWER_FORMAT'],
  attempt: async (bytes) => {
    const parts: Buffer[] = [];
    const read = await decodeCheckpoint(once(bytes), async (part) => void parts.push(Buffer.from(part)));
    ensure(isDeepStrictEqual(read, header), 'only the header that was written verifies');
    ensure(Buffer.concat(parts).equals(encodeOperations(operations)), 'only what was written verifies');
  },
};

export const storedTargets: readonly Target[] = [segments, operationLines, journals, passports, checkpoints];
