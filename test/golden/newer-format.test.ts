/**
 * A volume that a newer program wrote to, met by this one: it says so and touches nothing of what is newer, however much
 * else is there to read. The next number is planted in each structure that carries one.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { DriveError } from '../../src/core/errors.js';
import { openDrive, rebuildVolume } from '../../src/drive.js';
import { damageIndex } from '../support/tampered-index.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { assertGolden, contextWith, type Golden, goldenFormats, hashOf, nodeNames, unpack } from './golden-volume.js';

const context = contextWith({ healGraceMs: 100 });
const newest = (await goldenFormats()).at(-1)!;

class Newer {
  readonly folder: string;
  readonly golden: Golden;

  private constructor(folder: string, golden: Golden) {
    this.folder = folder;
    this.golden = golden;
  }

  static async lay(t: TestContext): Promise<Newer> {
    const folder = await temporaryFolder(t);
    return new Newer(folder, await unpack(newest, folder));
  }

  get directory(): string {
    return join(this.folder, 'home');
  }

  open() {
    return openDrive({ directory: this.directory }, context);
  }

  /** Files in that folder of a node, by name. */
  async files(node: string, below: string, ending: string): Promise<string[]> {
    const found = await readdir(join(this.folder, node), { recursive: true });
    const parts = (path: string) => path.split(/[/\\]/);
    return found
      .filter((path) => parts(path).at(-2) === below && path.endsWith(ending))
      .map((path) => join(this.folder, node, path))
      .sort();
  }

  /** Of everything on the nodes but the probe's file and the recovery kit, which holds nothing of the volume. */
  async bytes(nodes: readonly string[] = nodeNames): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const node of nodes) {
      for (const item of await readdir(join(this.folder, node), { recursive: true, withFileTypes: true })) {
        const path = join(item.parentPath, item.name);
        const isOfVolume = item.isFile() && item.name !== 'probe' && !item.parentPath.endsWith('recovery');
        if (isOfVolume) found.set(path, hashOf(await readFile(path)));
      }
    }
    return found;
  }

  /** It is refused in so many words, and no byte on the nodes is another one. */
  async mustRefuse(work: () => Promise<unknown>): Promise<void> {
    const before = await this.bytes();
    const error = await work().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof DriveError, String(error));
    assert.equal(error.code, 'NEWER_FORMAT', error.message);
    assert.match(error.message, /newer|format/);
    assert.deepEqual(await this.bytes(), before);
  }
}

async function change(path: string, plant: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(path, plant(await readFile(path)));
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** Of a file whose last line bears the hash of what is before it. */
function hashedAnew(bytes: Buffer): Buffer {
  const end = bytes.lastIndexOf('{"o":"end"');
  const trailer = `${JSON.stringify({ o: 'end', hash: hashOf(bytes.subarray(0, end)) })}\n`;
  return Buffer.concat([bytes.subarray(0, end), Buffer.from(trailer)]);
}

/** Each of its records. */
function newerRecords(bytes: Buffer): Buffer {
  for (let at = 64; bytes.toString('latin1', at, at + 4) === 'HFRC'; ) {
    const table = at + 80 + 8 * bytes.readUInt32LE(at + 20);
    bytes[at + 4]! += 1;
    const checksum = sha256(Buffer.concat([bytes.subarray(at, at + 72), bytes.subarray(at + 80, table)]));
    checksum.copy(bytes, at + 72, 0, 8);
    at = table + bytes.readUInt32LE(at + 68);
  }
  return bytes;
}

function newerSegment(bytes: Buffer): Buffer {
  bytes.writeUInt16LE(bytes.readUInt16LE(4) + 1, 4);
  sha256(bytes.subarray(0, 32)).copy(bytes, 32);
  return bytes;
}

/** Its last batch once more, in the next format. */
function newerJournal(bytes: Buffer): Buffer {
  const batch = Buffer.from(bytes.subarray(bytes.lastIndexOf(bytes.subarray(0, 4))));
  batch.writeUInt16LE(batch.readUInt16LE(4) + 1, 4);
  batch.writeUInt32LE(crc32(batch.subarray(0, 76)), 76);
  return Buffer.concat([bytes, batch]);
}

const nextFormat = (bytes: Buffer): Buffer =>
  Buffer.from(
    bytes.toString('utf8').replace(/"format":(\s*)(\d+)/, (_, space, format) => `"format":${space}${+format + 1}`),
  );

test('volume.json', async (t) => {
  const volume = await Newer.lay(t);
  await change(join(volume.directory, 'volume.json'), nextFormat);
  await volume.mustRefuse(() => volume.open());
});

for (const index of ['with', 'without']) {
  test(`a journal, ${index} an index`, async (t) => {
    const volume = await Newer.lay(t);
    if (index === 'without') await rm(join(volume.directory, 'index.db'));
    await change((await volume.files('b', 'journal', '')).at(-1)!, newerJournal);
    await volume.mustRefuse(() => volume.open());
  });
}

test('checkpoints', async (t) => {
  const volume = await Newer.lay(t);
  for (const node of nodeNames) {
    const paths = await volume.files(node, 'checkpoints', '');
    assert.ok(paths.length > 0);
    for (const path of paths) await change(path, nextFormat);
  }
  await rm(volume.directory, { recursive: true });
  const nodes = nodeNames.map((name) => join(volume.folder, name));
  await volume.mustRefuse(() => rebuildVolume({ directory: volume.directory, nodes }, context));
});

test('a digit that rotted in the checkpoints of one disk is no newer format: another one has them whole', async (t) => {
  const volume = await Newer.lay(t);
  for (const path of await volume.files('a', 'checkpoints', '')) await change(path, nextFormat);
  await rm(volume.directory, { recursive: true });
  const nodes = nodeNames.map((name) => join(volume.folder, name));
  await rebuildVolume({ directory: volume.directory, nodes }, context);
  const drive = await volume.open();
  try {
    await assertGolden(drive, volume.golden);
  } finally {
    await drive.close();
  }
});

test('a passport: that node is left alone with the reason, and the others serve', async (t) => {
  const volume = await Newer.lay(t);
  await change(join(volume.folder, 'a', 'holdfast-node.json'), nextFormat);
  const before = await volume.bytes(['a']);
  const drive = await volume.open();
  try {
    await assertGolden(drive, volume.golden);
    const { nodes } = await drive.status();
    const reason = nodes.find(({ path }) => path === join(volume.folder, 'a'))?.reason ?? '';
    assert.match(reason, /newer version of holdfast/);
    assert.doesNotMatch(reason, /lost|put the passport back/);
  } finally {
    await drive.close();
  }
  assert.deepEqual(await volume.bytes(['a']), before);
});

test('a segment: its copy is neither called bad nor written over, and the files are read from others', async (t) => {
  const volume = await Newer.lay(t);
  const paths = await volume.files('a', 'segments', '.seg');
  assert.ok(paths.length > 0);
  for (const path of paths) await change(path, newerSegment);
  const before = await Promise.all(paths.map((path) => readFile(path)));
  const drive = await volume.open();
  try {
    const { findings, degraded } = await drive.proofs.scrub({});
    assert.deepEqual(findings, []);
    assert.ok(
      degraded.every((sentence) => /could not be read/.test(sentence)),
      degraded.join(),
    );
    assert.ok(degraded.length > 0);
    await assertGolden(drive, volume.golden);
    assert.equal((await drive.status()).scrub.badCopies, 0);
  } finally {
    await drive.close();
  }
  assert.deepEqual(await Promise.all(paths.map((path) => readFile(path))), before);
});

test('an index: it is put aside and made anew from the nodes', async (t) => {
  const volume = await Newer.lay(t);
  const file = join(volume.directory, 'index.db');
  damageIndex(file, 'PRAGMA user_version = 1000');
  await rm(`${file}-closed`, { force: true });
  const drive = await volume.open();
  try {
    await assertGolden(drive, volume.golden);
  } finally {
    await drive.close();
  }
  assert.ok((await readdir(volume.directory)).some((name) => name.startsWith('index.db.aside-')));
});

test('a recovery kit: the script that reads a newer format stays, and an older one is replaced', async (t) => {
  const volume = await Newer.lay(t);
  await (await volume.open()).close();
  const [newer, older] = await Promise.all(
    nodeNames.map(async (node) => (await volume.files(node, 'recovery', '.py'))[0]!),
  );
  const own = await readFile(newer!, 'utf8');
  const ofFormat = (format: number) => own.replace(/^KNOWN_FORMAT = \d+$/m, `KNOWN_FORMAT = ${format}`);
  await writeFile(newer!, ofFormat(1_000));
  await writeFile(older!, ofFormat(0));
  await (await volume.open()).close();
  assert.equal(await readFile(newer!, 'utf8'), ofFormat(1_000));
  assert.equal(await readFile(older!, 'utf8'), own);
});

const script = fileURLToPath(new URL('../../../src/recovery/recover.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

for (const [what, below, ending, plant] of [
  ['passport', '', 'holdfast-node.json', nextFormat],
  ['journal', 'journal', '.journal', newerJournal],
  ['checkpoint', 'checkpoints', '.checkpoint', (bytes: Buffer) => hashedAnew(nextFormat(bytes))],
  ['segment', 'segments', '.seg', newerSegment],
  ['record', 'segments', '.seg', newerRecords],
] as const) {
  const skip = hasPython ? false : 'missing: python3';
  test(`a ${what}: the recovery script says which format it is and which script to take, or passes over it`, {
    skip,
  }, async (t) => {
    const volume = await Newer.lay(t);
    const recover = (...more: string[]) =>
      spawnSync('python3', [script, 'verify', ...nodeNames.map((name) => join(volume.folder, name)), ...more], {
        encoding: 'utf8',
      });
    assert.equal(recover().status, 0);
    const paths = below === '' ? [join(volume.folder, 'a', ending)] : await volume.files('a', below, ending);
    for (const path of paths) await change(path, plant);
    const { status, stderr } = recover();
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /made by a newer Holdfast: format 2; this script reads up to 1\. .*Use the script of that version/,
    );
    assert.doesNotMatch(stderr, /damaged|lost|Traceback/);
    const anyway = recover('--anyway');
    assert.equal(anyway.status, 3, anyway.stderr);
    assert.match(anyway.stderr, /It is passed over/);
    assert.match(anyway.stderr, /, 0 not;/);
  });
}

test('a digit that rotted in a checkpoint is no newer format to the recovery script', async (t) => {
  if (!hasPython) return t.skip('missing: python3');
  const volume = await Newer.lay(t);
  const [path] = await volume.files('a', 'checkpoints', '.checkpoint');
  await change(path!, nextFormat);
  const { status, stderr } = spawnSync(
    'python3',
    [script, 'verify', ...nodeNames.map((name) => join(volume.folder, name))],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /is not whole/);
});
