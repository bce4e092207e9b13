/** Memory stays bounded while much more than it flows through. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { DavClient } from './tools/dav-client.js';
import { mustBeSound } from './tools/drive-server.js';
import { MemoryMeter } from './tools/memory-meter.js';
import { GiB, MiB, missing } from './tools/requirements.js';
import { contentPieces } from './tools/seeded.js';
import { TestVolume } from './tools/test-volume.js';
import { Workspace } from './tools/workspace.js';

const limitBytes = 250 * MiB;
const names = ['one.bin', 'two.bin', 'three.bin', 'four.bin'];

test('4 GiB up and down at once stay below 250 MiB', {
  skip: missing({ freeBytes: 12 * GiB }),
  timeout: 1_500_000,
}, async (context) => {
  const workspace = await Workspace.create(context);
  const volume = await TestVolume.inFolders(workspace);
  const server = await volume.serve();
  const dav = new DavClient(server.url);
  const peaks = { up: 0, down: 0 };
  {
    using meter = new MemoryMeter(server.pid);
    await Promise.all(names.map((name) => dav.must('PUT', name, { body: contentPieces(name, GiB), sizeBytes: GiB })));
    peaks.up = meter.peakBytes;
    assert.ok(meter.samples > 20);
  }
  {
    using meter = new MemoryMeter(server.pid);
    const hashes = await Promise.all(names.map((name) => download(dav, name)));
    peaks.down = meter.peakBytes;
    assert.deepEqual(hashes, names.map(expectedHash));
  }
  dav.close();
  context.diagnostic(`peak PSS: ${Math.round(peaks.up / MiB)} MiB up, ${Math.round(peaks.down / MiB)} MiB down`);
  assert.ok(peaks.up > 20 * MiB && peaks.down > 20 * MiB, 'the meter saw no server');
  assert.ok(peaks.up < limitBytes && peaks.down < limitBytes, JSON.stringify(peaks));
  await mustBeSound(volume.directory);
  await server.stop();
});

async function download(dav: DavClient, name: string): Promise<string> {
  const hash = createHash('sha256');
  const { status } = await dav.stream('GET', name, {}, (piece) => hash.update(piece));
  assert.equal(status, 200);
  return hash.digest('hex');
}

function expectedHash(name: string): string {
  const hash = createHash('sha256');
  for (const piece of contentPieces(name, GiB)) hash.update(piece);
  return hash.digest('hex');
}
