/** More is lost than was protected: what is left is served, what is missing is named exactly, and it comes back with its disk. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasCode } from '../../../src/core/errors.js';
import { rebuildVolume } from '../../../src/drive.js';
import type { SalvageReport } from '../../../src/drive-proof.js';
import { segmentOfFileName } from '../../../src/segment/segment-id.js';
import { scanSegment } from '../../../src/segment/segment-scan.js';
import { names, randomBytes, TestDrive } from '../drive-fixture.js';

const MiB = 1024 * 1024;
const patienceMs = 180_000;
const nodeNames = ['a', 'b', 'c'] as const;

interface Stored {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Some files of one small chunk, some of several; and a folder, and equal bytes twice. */
const files: readonly Stored[] = [
  ...Array.from({ length: 12 }, (_, at) => ({ path: `small ${at}`, bytes: randomBytes(40_000 + at, at + 1) })),
  ...Array.from({ length: 6 }, (_, at) => ({
    path: `large ${at}`,
    bytes: randomBytes(3 * MiB + 7_000 * at, 100 + at),
  })),
  { path: 'again', bytes: randomBytes(3 * MiB, 100) },
  { path: 'empty', bytes: Buffer.alloc(0) },
];

/** Made current and serving, not only seen. */
function untilOnline(drive: TestDrive, name: string): Promise<void> {
  const isOnline = async () => {
    const { nodes, health } = await drive.drive.status();
    return health !== 'read-only' && nodes.find(({ path }) => path === join(drive.folder, name))?.state === 'online';
  };
  return drive.until(`${name} is online`, isOnline, patienceMs);
}

async function filledDrive(t: TestContext): Promise<TestDrive> {
  const drive = await (await TestDrive.create(t, { nodes: [...nodeNames] })).open();
  for (const [at, { path, bytes }] of files.entries()) {
    await drive.put(path, bytes);
    // Other segments, on other pairs of nodes.
    if (at % 5 === 4) await drive.reopen();
  }
  return drive.reopen();
}

/** From the bytes on the disks alone: which chunks each node holds. */
async function chunksOn(drive: TestDrive, name: string): Promise<Set<string>> {
  const chunks = new Set<string>();
  const root = join(drive.folder, drive.isPulled(name) ? `${name}.pulled` : name);
  for (const path of await readdir(root, { recursive: true })) {
    const segment = /segments.*\.seg$/.test(path) ? segmentOfFileName(basename(path)) : undefined;
    if (segment === undefined) continue;
    const bytes = await readFile(join(root, path));
    const read = async (position: number, length: number) => bytes.subarray(position, position + length);
    for await (const item of scanSegment({ segment, sizeBytes: bytes.length, read, verifyPayload: true })) {
      if (item.kind === 'record' && item.condition === 'whole') chunks.add(item.place.chunk);
    }
  }
  return chunks;
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly chunk: string;
}

function piecesOf(bytes: Buffer): Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start < bytes.length; start += MiB) {
    const end = Math.min(start + MiB, bytes.length);
    pieces.push({ start, end, chunk: createHash('sha256').update(bytes.subarray(start, end)).digest('hex') });
  }
  return pieces;
}

async function readRange(drive: TestDrive, path: string, range: { start: number; end: number }): Promise<Buffer> {
  const reader = await drive.volume.open(names(path));
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read(range)) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

/** What the report must say, and that each byte can be read or not, as it says. */
async function mustBeExact(drive: TestDrive, report: SalvageReport): Promise<void> {
  const here = new Set<string>();
  const away = new Map<string, Set<string>>();
  for (const [at, name] of nodeNames.entries()) {
    const chunks = await chunksOn(drive, name);
    if (drive.isPulled(name)) away.set(`node-${at + 1}`, chunks);
    else for (const chunk of chunks) here.add(chunk);
  }
  const expected = files
    .map(({ path, bytes }) => ({ path, missing: piecesOf(bytes).filter(({ chunk }) => !here.has(chunk)) }))
    .filter(({ missing }) => missing.length > 0);
  assert.deepEqual(
    report.files.map(({ path }) => path),
    expected.map(({ path }) => `/${path}`).sort(),
  );
  assert.equal(report.damagedFiles, expected.length);
  const bytesOf = (missing: readonly Piece[]) => missing.reduce((sum, { start, end }) => sum + end - start, 0);
  assert.equal(
    report.missingBytes,
    expected.reduce((sum, { missing }) => sum + bytesOf(missing), 0),
  );
  const alone = [...away].map(([label, chunks]) => {
    const whole = expected.filter(({ missing }) => missing.every(({ chunk }) => chunks.has(chunk)));
    return { label, files: whole.length };
  });
  assert.deepEqual(
    report.nodes
      .map(({ label, files: count }) => ({ label, files: count }))
      .sort((a, b) => (a.label < b.label ? -1 : 1)),
    alone.filter(({ label }) =>
      expected.some(({ missing }) => missing.some(({ chunk }) => away.get(label)!.has(chunk))),
    ),
  );
  for (const { path, bytes } of files) {
    const named = report.files.find((file) => file.path === `/${path}`)?.missing ?? [];
    for (const piece of piecesOf(bytes)) {
      const part = named.find(({ start, end }) => start <= piece.start && piece.end <= end);
      assert.equal(part === undefined, here.has(piece.chunk), `${path} from ${piece.start}`);
      if (part === undefined) {
        assert.ok((await readRange(drive, path, piece)).equals(bytes.subarray(piece.start, piece.end)), path);
        continue;
      }
      const holders = [...away].filter(([, chunks]) => chunks.has(piece.chunk)).map(([label]) => label);
      assert.deepEqual([...(part.on ?? [])].sort(), holders);
    }
  }
}

test('two of three nodes lost: all that is left is served, the list is exact, and the second node brings its files back', async (t) => {
  const drive = await filledDrive(t);
  Object.assign(drive.context.safety, { retryMs: 500 });
  await drive.close();
  for (const name of ['a', 'b']) await drive.pull(name);
  await drive.open();
  const report = await drive.drive.proofs.salvage({ limit: 1_000 });
  assert.ok(report.damagedFiles > 3 && report.damagedFiles < files.length, `${report.damagedFiles} files`);
  await mustBeExact(drive, report);
  for (const { path, missing } of report.files) {
    await assert.rejects(readRange(drive, path.slice(1), missing[0]!), (error) =>
      hasCode(error, 'UNAVAILABLE', 'READ_ONLY'),
    );
  }
  const status = await drive.drive.status();
  assert.equal(status.health, 'damaged');
  assert.deepEqual(
    status.salvage?.files,
    report.files.map(({ path }) => path),
  );
  assert.match(status.protection, /^\d+ files cannot be read whole now: plug in "node-\d"/);
  assert.match(status.protection, /nothing is deleted/);

  await drive.plug('b');
  await untilOnline(drive, 'b');
  assert.equal((await drive.drive.proofs.salvage({ limit: 10 })).damagedFiles, 0);
  for (const { path, bytes } of files) assert.ok((await drive.get(path)).equals(bytes), path);
  assert.equal((await drive.drive.status()).salvage, null);
});

test('with the lost nodes back at once nothing is named, and nothing was changed meanwhile', async (t) => {
  const drive = await filledDrive(t);
  Object.assign(drive.context.safety, { retryMs: 500 });
  for (const name of ['b', 'c']) await drive.pull(name);
  for (const name of ['b', 'c']) await drive.untilState(name, 'offline');
  await drive.until('the loss is named', async () => ((await drive.drive.status()).salvage?.damagedFiles ?? 0) > 0);
  await mustBeExact(drive, await drive.drive.proofs.salvage({ limit: 1_000 }));
  for (const name of ['b', 'c']) await drive.plug(name);
  for (const name of ['b', 'c']) await untilOnline(drive, name);
  assert.equal((await drive.drive.proofs.salvage({ limit: 1_000 })).damagedFiles, 0);
  for (const { path, bytes } of files) assert.ok((await drive.get(path)).equals(bytes), path);
});

test('two of three nodes and the index lost: a rebuild without them serves what is left and names the rest, until one is back', async (t) => {
  const drive = await filledDrive(t);
  Object.assign(drive.context.safety, { retryMs: 500 });
  await drive.close();
  for (const name of ['a', 'b']) await drive.pull(name);
  await rm(drive.directory, { recursive: true });
  const { directory, context } = drive;
  const rebuild = (without?: string[]) =>
    rebuildVolume({ directory, nodes: [join(drive.folder, 'c')], without }, context);
  await assert.rejects(rebuild(), (error) => hasCode(error, 'READ_ONLY') && /--without/.test(error.hint ?? ''));
  await rebuild(['node-1', 'node-2']);
  await drive.open();
  const report = await drive.drive.proofs.salvage({ limit: 1_000 });
  const here = await chunksOn(drive, 'c');
  const lost = files.filter(({ bytes }) => piecesOf(bytes).some(({ chunk }) => !here.has(chunk)));
  assert.deepEqual(
    report.files.map(({ path }) => path),
    lost.map(({ path }) => `/${path}`).sort(),
  );
  assert.equal(report.nowhere, 0);
  for (const { path, bytes } of files) {
    for (const piece of piecesOf(bytes).filter(({ chunk }) => here.has(chunk))) {
      assert.ok((await readRange(drive, path, piece)).equals(bytes.subarray(piece.start, piece.end)), path);
    }
  }
  const status = await drive.drive.status();
  assert.equal(status.health, 'damaged');
  assert.match(status.protection, /^\d+ files cannot be read whole now: .*plug in/);
  await assert.rejects(
    drive.get(lost[0]!.path),
    (error) => hasCode(error, 'UNAVAILABLE') && /may lie on "node-1" or "node-2".*plug in/.test(error.message),
  );
  await drive.plug('a');
  const isWhole = async () => (await drive.drive.proofs.salvage({ limit: 10 })).damagedFiles === 0;
  await drive.until('every file is whole', isWhole, patienceMs);
  await untilOnline(drive, 'a');
  assert.deepEqual((await drive.drive.status()).damagedFiles, []);
  for (const { path, bytes } of files) assert.ok((await drive.get(path)).equals(bytes), path);
  await drive.plug('b');
  await untilOnline(drive, 'b');
});

test('rot in every copy: only the files in it are named, as lost on all known disks, and their other parts are read', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  const bytes = randomBytes(2 * MiB + 500, 5);
  await drive.put('large', bytes);
  await drive.put('beside', randomBytes(50_000, 6));
  await drive.reopen();
  const second = piecesOf(bytes)[1]!;
  const inside = bytes.subarray(second.start + 300_000, second.start + 300_016);
  for (const name of ['a', 'b']) {
    for (const file of await readdir(join(drive.folder, name), { recursive: true })) {
      if (!file.endsWith('.seg')) continue;
      const path = join(drive.folder, name, file);
      const content = await readFile(path);
      const at = content.indexOf(inside);
      if (at < 0) continue;
      content[at]! ^= 1;
      await writeFile(path, content);
    }
  }
  const { findings } = await drive.drive.proofs.scrub({});
  assert.equal(findings.length, 1);
  assert.match(findings[0]!, /^\/large cannot be read whole/);
  const report = await drive.drive.proofs.salvage({ limit: 10 });
  assert.deepEqual(report.files, [
    {
      path: '/large',
      sizeBytes: bytes.length,
      missingBytes: MiB,
      missing: [{ start: second.start, end: second.end, on: [] }],
    },
  ]);
  assert.deepEqual([report.damagedFiles, report.nowhere, report.nodes.length], [1, 1, 0]);
  const { protection } = await drive.drive.status();
  assert.match(protection, /^1 file cannot be read whole now: no copy of a part of it is left/);
  assert.ok((await readRange(drive, 'large', { start: 0, end: MiB })).equals(bytes.subarray(0, MiB)));
  assert.ok(
    (await readRange(drive, 'large', { start: second.end, end: bytes.length })).equals(bytes.subarray(2 * MiB)),
  );
  await assert.rejects(readRange(drive, 'large', second), (error) => hasCode(error, 'DAMAGED'));
  await drive.closeUnchecked(); // Its damage stays.
});
