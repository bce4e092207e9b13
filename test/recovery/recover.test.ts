/**
 * The recovery kit, as its user meets it: copies of node folders, the script that lies on them, Python, and nothing of
 * this program.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { randomBytes, TestDrive } from '../drive/drive-fixture.js';

const hasPython = spawnSync('python3', ['--version']).status === 0;
const skip = hasPython ? false : 'missing: python3';
const MiB = 1024 * 1024;
const modified = 1_500_000_000_000;

/** What the volume of these tests holds, by path; folders are null. */
const saved: Readonly<Record<string, Buffer | null>> = {
  'large file.bin': randomBytes(3 * MiB + 4_321, 7),
  empty: Buffer.alloc(0),
  'Grüße ☃.txt': Buffer.from('hello'),
  folder: null,
  'folder/renamed.txt': Buffer.from('second version'),
  'folder/deeper': null,
  'folder/deeper/copy.txt': Buffer.from('hello'),
  'folder/deeper/nothing here': null,
};

class Kit {
  readonly disks: readonly string[];
  readonly #folder: string;

  private constructor(folder: string, disks: readonly string[]) {
    this.#folder = folder;
    this.disks = disks;
  }

  /** Copies of the nodes of a volume that holds `saved`, made by a history with everything in it. */
  static async create(t: TestContext): Promise<Kit> {
    const drive = await (await TestDrive.create(t)).open();
    await drive.volume.makeFolder(['folder'], {});
    await drive.put('folder/file.txt', 'first version');
    await drive.put('folder/file.txt', 'second version');
    await drive.put('deleted.txt', 'deleted');
    await drive.put('large file.bin', saved['large file.bin']!);
    await drive.reopen();
    await drive.volume.move(['folder', 'file.txt'], ['folder', 'renamed.txt'], { overwrite: false });
    await drive.volume.delete(['deleted.txt'], {});
    await drive.put('empty', '');
    await drive.put('Grüße ☃.txt', 'hello');
    await drive.volume.makeFolder(['folder', 'deeper'], {});
    await drive.volume.makeFolder(['folder', 'deeper', 'nothing here'], {});
    await drive.volume.copy(['Grüße ☃.txt'], ['folder', 'deeper', 'copy.txt'], { overwrite: false, depth: 'infinity' });
    await drive.volume.setProperties(['empty'], [], { times: { modified } });
    await drive.close();
    const disks = [];
    for (const path of drive.nodePaths) {
      const copy = join(drive.folder, 'elsewhere', path.slice(-1));
      await cp(path, copy, { recursive: true });
      disks.push(copy);
    }
    await rm(drive.directory, { recursive: true });
    for (const path of drive.nodePaths) await rm(path, { recursive: true });
    return new Kit(drive.folder, disks);
  }

  /** Runs the script that lies on the first disk named. */
  run(command: string, disks: readonly string[], ...more: string[]) {
    const script = join(inner(disks[0]!), 'recovery', 'recover.py');
    const { status, stdout, stderr } = spawnSync('python3', [script, command, ...disks, ...more], {
      encoding: 'utf8',
      cwd: this.#folder,
      // Python itself and nothing that was installed.
      env: { PATH: process.env.PATH, PYTHONNOUSERSITE: '1', PYTHONDONTWRITEBYTECODE: '1', LANG: 'C.UTF-8' },
    });
    return { status, stdout, stderr };
  }

  get target(): string {
    return join(this.#folder, 'recovered');
  }
}

/** The folder that bears the node's id. */
function inner(disk: string): string {
  const name = readdirSync(disk).find((one) => /^holdfast-[0-9a-f]{16}$/.test(one));
  assert.ok(name, `${disk} is a node`);
  return join(disk, name);
}

async function assertRecovered(target: string): Promise<void> {
  const found = (await readdir(target, { recursive: true })).sort();
  assert.deepEqual(found, Object.keys(saved).sort());
  for (const [path, content] of Object.entries(saved)) {
    if (content) assert.deepEqual(await readFile(join(target, path)), content, path);
    else assert.ok((await stat(join(target, path))).isDirectory(), path);
  }
  assert.equal((await stat(join(target, 'empty'))).mtimeMs, modified);
}

const segmentsOf = async (disk: string): Promise<string[]> =>
  (await readdir(join(inner(disk), 'segments')))
    .filter((name) => name.endsWith('.seg'))
    .map((name) => join(inner(disk), 'segments', name));

test('any two of three disks give everything back, by the script that lies on them', { skip }, async (t) => {
  const kit = await Kit.create(t);
  for (const absent of kit.disks) {
    const disks = kit.disks.filter((disk) => disk !== absent);
    const { status, stderr } = kit.run('extract', disks, '--to', kit.target);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stderr, /not known to this script/);
    await assertRecovered(kit.target);
    await rm(kit.target, { recursive: true });
  }
});

test('what is there already is kept, and a second run adds what another disk has', { skip }, async (t) => {
  const kit = await Kit.create(t);
  await mkdir(kit.target);
  await writeFile(join(kit.target, 'empty'), 'somebody else wrote this');
  const first = kit.run('extract', kit.disks.slice(0, 1), '--to', kit.target);
  const second = kit.run('extract', kit.disks, '--to', kit.target);
  assert.equal(second.status, 0, first.stderr + second.stderr);
  assert.equal(await readFile(join(kit.target, 'empty'), 'utf8'), 'somebody else wrote this');
  assert.equal((await stat(join(kit.target, 'empty (recovered 2)'))).size, 0);
  assert.deepEqual(await readFile(join(kit.target, 'large file.bin')), saved['large file.bin']);
});

test('damage on one disk is made good by another, and named where there is none', { skip }, async (t) => {
  const kit = await Kit.create(t);
  for (const segment of await segmentsOf(kit.disks[0]!)) {
    const bytes = await readFile(segment);
    // A byte of each block, in heads and in payloads.
    for (let at = 100; at < bytes.length; at += 40_000) bytes[at]! ^= 1;
    await writeFile(segment, bytes);
  }
  const whole = kit.run('verify', kit.disks);
  assert.equal(whole.status, 0, whole.stderr);
  const alone = kit.run('extract', kit.disks.slice(0, 1), '--to', kit.target);
  assert.equal(alone.status, 3);
  assert.match(alone.stderr, /large file\.bin: bytes [\d, -]+ are lost/);
  assert.ok(existsSync(join(kit.target, 'large file.bin.INCOMPLETE')));
  assert.ok(!existsSync(join(kit.target, 'large file.bin')));
});

test('without segments the names are still there, and each file that lacks something is said to', {
  skip,
}, async (t) => {
  const kit = await Kit.create(t);
  for (const disk of kit.disks) await rm(join(inner(disk), 'segments'), { recursive: true });
  const { status, stdout } = kit.run('list', kit.disks);
  assert.equal(status, 3);
  assert.match(stdout, /3150049 {2}\S+ \S+ {2}large file\.bin {3}\(parts are missing\)/);
  assert.match(stdout, / 0 {2}2017-07-14 \d\d:\d\d {2}empty\n/);
});

test('a journal that is damaged on one disk is taken from another', { skip }, async (t) => {
  const kit = await Kit.create(t);
  for (const kind of ['journal', 'checkpoints']) {
    const folder = join(inner(kit.disks[0]!), kind);
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      bytes[Math.floor(bytes.length / 3)]! ^= 0x10;
      await writeFile(join(folder, name), bytes);
    }
  }
  const { status, stderr } = kit.run('extract', kit.disks, '--to', kit.target);
  assert.equal(status, 0, stderr);
  await assertRecovered(kit.target);
});

test('a folder that is no disk, and a target inside a disk, are refused with the reason', { skip }, async (t) => {
  const kit = await Kit.create(t);
  const strange = kit.run('list', [kit.disks[0]!, join(kit.disks[0]!, '..')]);
  assert.equal(strange.status, 1);
  assert.match(strange.stderr, /is no disk of Holdfast/);
  const inside = kit.run('extract', kit.disks, '--to', join(inner(kit.disks[1]!), 'out'));
  assert.equal(inside.status, 1);
  assert.match(inside.stderr, /lies inside a disk of the volume/);
});
