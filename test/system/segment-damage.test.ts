/** Segment files that vanish or rot beneath a healthy node that nobody uses at the time. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { test } from 'node:test';
import { DavClient } from './tools/dav-client.js';
import { driveStatus, mustBeSound, waitUntilWhole } from './tools/drive-server.js';
import { GiB, loopDiskTools, MiB, missing } from './tools/requirements.js';
import { contentPieces } from './tools/seeded.js';
import { segmentFiles, TestVolume } from './tools/test-volume.js';
import { waitUntil } from './tools/wait.js';
import { dropCaches, Workspace } from './tools/workspace.js';

const skip = missing({ tools: loopDiskTools, root: true, freeBytes: 4 * GiB });
const files = Array.from({ length: 48 }, (_, index) => ({ path: `file ${index}.bin`, sizeBytes: 8 * MiB + index }));

test('deleted and damaged segment files are noticed and healed', { skip, timeout: 900_000 }, async (context) => {
  const workspace = await Workspace.create(context);
  const { volume } = await TestVolume.onLoopDisks(workspace, { nodeBytes: GiB, indexBytes: GiB / 2 });
  const writing = await volume.serve();
  await upload(writing.url);
  await writing.stop();
  // A new start, so that no block is served from memory.
  const server = await volume.serve();
  await waitUntilWhole(volume.directory);
  const node = volume.nodePaths[0]!;

  const [deleted, damaged] = await sixSegments(node);
  for (const { path } of deleted) await rm(path);
  await waitUntil('the deleted segments are there again', async () => allWhole(volume, deleted), {
    timeoutMs: 300_000,
  });
  await waitUntilWhole(volume.directory);
  await mustReadBack(server.url);

  for (const { path } of damaged) await flipBits(path);
  await dropCaches();
  const before = (await driveStatus(volume.directory)).reads.checksumErrors;
  // Which copy is read depends on how fast each answers.
  const readAndLook = async () => {
    await mustReadBack(server.url);
    return allWhole(volume, damaged);
  };
  await waitUntil('the damaged segments are whole again', readAndLook, { timeoutMs: 300_000 });
  assert.ok((await driveStatus(volume.directory)).reads.checksumErrors > before, 'no checksum error was counted');
  await waitUntilWhole(volume.directory);
  await mustReadBack(server.url);
  await mustBeSound(volume.directory);
  await server.stop();
});

interface KnownSegment {
  readonly path: string;
  readonly hash: string;
}

/** The largest six of the node: three to delete, three to damage. */
async function sixSegments(nodePath: string): Promise<[KnownSegment[], KnownSegment[]]> {
  const paths = [...(await segmentFiles(nodePath)).values()];
  const sized = await Promise.all(paths.map(async (path) => ({ path, sizeBytes: (await stat(path)).size })));
  const largest = sized.sort((one, other) => other.sizeBytes - one.sizeBytes).slice(0, 6);
  assert.equal(largest.length, 6, `only ${largest.length} segments on the node`);
  const known = await Promise.all(largest.map(async ({ path }) => ({ path, hash: await hashOf(path) })));
  return [known.slice(0, 3), known.slice(3)];
}

const hashOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** Two good copies of each, wherever: a node that was slow just then is passed over. */
async function allWhole({ nodePaths }: TestVolume, segments: readonly KnownSegment[]): Promise<boolean> {
  const nodes = await Promise.all(nodePaths.map((path) => segmentFiles(path)));
  for (const { path, hash } of segments) {
    const copies = nodes.flatMap((files) => files.get(basename(path)) ?? []);
    const hashes = await Promise.all(copies.map((copy) => hashOf(copy).catch(() => 'absent')));
    if (hashes.filter((found) => found === hash).length < 2) return false;
  }
  return true;
}

/** One bit in every quarter of a MiB: some in payloads, some maybe in headers. */
async function flipBits(path: string): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  for (let position = MiB / 8; position < size; position += MiB / 4) {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, position);
    byte[0]! ^= 1 << (position % 7);
    await file.write(byte, 0, 1, position);
  }
  await file.sync();
  await file.close();
}

async function upload(url: string): Promise<void> {
  const dav = new DavClient(url);
  for (const { path, sizeBytes } of files)
    await dav.must('PUT', path, { body: contentPieces(path, sizeBytes), sizeBytes });
  dav.close();
}

async function mustReadBack(url: string): Promise<void> {
  const dav = new DavClient(url);
  for (const { path, sizeBytes } of files) {
    const expected = createHash('sha256');
    for (const piece of contentPieces(path, sizeBytes)) expected.update(piece);
    const found = createHash('sha256');
    const { status } = await dav.stream('GET', path, {}, (piece) => found.update(piece));
    assert.equal(status, 200);
    assert.equal(found.digest('hex'), expected.digest('hex'), `${path} has wrong bytes`);
  }
  dav.close();
}
