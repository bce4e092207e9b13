import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { encodeCheckpoint } from '../../src/meta/checkpoint-file.js';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { encodeOperation } from '../../src/meta/operation-codec.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { formatCheckpointName } from '../../src/segment/checkpoint-name.js';
import type { EngineNode } from '../../src/volume/engine-node.js';
import { rebuildIndex } from '../../src/volume/history/rebuild.js';

const id = '0123456789abcdef';
const tip = { sequence: 7, hash: 'a'.repeat(64), epoch: id };

async function checkpoint(words: string): Promise<Buffer> {
  const operations = async function* () {
    yield Buffer.from(encodeOperation({ o: 'volume', id, name: 'v', replicas: 1, created: 1 }) + words);
  };
  const parts: Buffer[] = [];
  for await (const part of encodeCheckpoint({ ...tip, volume: id, time: 1 }, operations())) parts.push(part);
  return Buffer.concat(parts);
}

/** A node on which nothing lies but that checkpoint. */
function nodeWith(bytes: Buffer): EngineNode {
  const files = [{ name: formatCheckpointName(tip), sizeBytes: bytes.length }];
  const store = {
    canAppend: true,
    list: async (folder: string) => (folder === 'checkpoints' ? files : []),
    read: async (_folder: string, _name: string, position: number, length: number) =>
      bytes.subarray(position, position + length),
  };
  return { id, state: 'online', store } as unknown as EngineNode;
}

async function rebuild(bytes: Buffer): Promise<unknown> {
  const opened: MetaStore[] = [];
  const newIndex = async () => {
    const meta = await openMetaStore({ file: ':memory:' });
    opened.push(meta);
    return meta;
  };
  try {
    return await rebuildIndex({ newIndex, nodes: [nodeWith(bytes)] }).catch((error: unknown) => error);
  } finally {
    for (const meta of opened) await meta.close();
  }
}

describe('a rebuild from a checkpoint', () => {
  it('takes a flipped bit for damage, whatever the words look like then, and goes on without that checkpoint', async () => {
    const bytes = await checkpoint('');
    bytes[bytes.indexOf('"volume"', 100) + 1]! ^= 1;
    const error = await rebuild(bytes);
    assert.ok(error instanceof DriveError);
    assert.equal(error.code, 'DAMAGED', error.message);
  });

  it('refuses a whole one in words that it does not know', async () => {
    const error = await rebuild(await checkpoint('{"o":"poem","id":1}\n'));
    assert.ok(error instanceof DriveError);
    assert.equal(error.code, 'NEWER_FORMAT');
  });
});
