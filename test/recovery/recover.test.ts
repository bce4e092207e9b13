/**
 * The recovery kit, as its user meets it: copies of node folders, the script that lies on them, Python, and nothing of
 * this program.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
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
  // As long as a name can be.
  ['é'.repeat(127)]: Buffer.from('long'),
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
    await drive.put('é'.repeat(127), 'long');
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
    return this.python([this.script(disks[0]!), command, ...disks, ...more]);
  }

  python(operands: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const { status, stdout, stderr } = spawnSync('python3', operands, {
      encoding: 'utf8',
      cwd: this.#folder,
      // Python itself and nothing that was installed.
      env: {
        PATH: process.env.PATH,
        PYTHONNOUSERSITE: '1',
        PYTHONDONTWRITEBYTECODE: '1',
        LANG: 'C.UTF-8',
        ...environment,
      },
    });
    return { status, stdout, stderr };
  }

  script(disk: string): string {
    return join(inner(disk), 'recovery', 'recover.py');
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
  for (const folder of [kit.disks[1]!, inner(kit.disks[1]!)]) {
    assert.match(kit.run('extract', kit.disks, '--to', folder).stderr, /lies inside a disk of the volume/);
  }
});

test('what lies in the target is neither replaced nor followed nor taken for a file of the volume', {
  skip,
}, async (t) => {
  const kit = await Kit.create(t);
  const outside = join(kit.target, '..', 'outside');
  for (const folder of [kit.target, outside]) await mkdir(folder);
  await symlink(outside, join(kit.target, 'folder'));
  await symlink(join(outside, 'link'), join(kit.target, 'empty'));
  await writeFile(join(kit.target, 'Grüße ☃.txt.part'), 'mine');
  await writeFile(join(kit.target, 'holdfast-properties.json'), 'mine');
  // As long and as old as the file of the volume, and another one.
  await writeFile(join(kit.target, 'large file.bin'), Buffer.alloc(saved['large file.bin']!.length));
  const listed = kit.run('list', kit.disks).stdout;
  const time = Date.parse(/(\S+ \S+) {2}large file/.exec(listed)![1]!) / 1000;
  await utimes(join(kit.target, 'large file.bin'), time, time);
  const { status, stderr } = kit.run('extract', kit.disks, '--to', kit.target);
  assert.equal(status, 0, stderr);
  assert.deepEqual(await readdir(outside), []);
  for (const name of ['Grüße ☃.txt.part', 'holdfast-properties.json'])
    assert.equal(await readFile(join(kit.target, name), 'utf8'), 'mine');
  assert.deepEqual(await readFile(join(kit.target, 'large file.bin (recovered 2)')), saved['large file.bin']);
  assert.equal((await stat(join(kit.target, 'empty (recovered 2)'))).size, 0);
  assert.equal(await readFile(join(kit.target, 'folder (recovered 2)', 'deeper', 'copy.txt'), 'utf8'), 'hello');
  const before = (await readdir(kit.target, { recursive: true })).sort();
  assert.equal(kit.run('extract', kit.disks, '--to', kit.target).status, 0);
  assert.deepEqual((await readdir(kit.target, { recursive: true })).sort(), before, 'nothing is copied twice');
});

test('a name that no folder can hold stays below the target, and one that its disk does not take is written otherwise', {
  skip,
}, async (t) => {
  const kit = await Kit.create(t);
  await mkdir(kit.target);
  const program = `
import builtins, errno, os, recover, sys
def picky(path, mode='r', **more):
    if ':' in os.path.basename(str(path)): raise OSError(errno.EINVAL, 'Invalid argument')
    return builtins.open(path, mode, **more)
names = recover.Names(sys.argv[1])
for name in ('..', '.', '', '../x', '/etc/x', 'a\\0b', '\\ud800'):
    made = names.folder((name, 'below'))
    assert os.path.dirname(os.path.dirname(made)) == sys.argv[1] and os.path.isdir(made), made
    assert os.path.basename(os.path.dirname(made)) not in ('', '.', '..'), made
recover.open = picky
print(recover.Names(sys.argv[1]).safe('what: "now"?'))
`.replaceAll('\\\\', '\\');
  const { status, stdout, stderr } = kit.python(['-c', program, kit.target], {
    PYTHONPATH: join(kit.script(kit.disks[0]!), '..'),
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), 'what%3A %22now%22%3F');
});

test('a list goes to a place that knows few letters', { skip }, async (t) => {
  const kit = await Kit.create(t);
  const { status, stdout, stderr } = kit.python([kit.script(kit.disks[0]!), 'list', ...kit.disks], {
    PYTHONIOENCODING: 'ascii',
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Gr\\xfc\\xdfe \\u2603\.txt/);
});

test('the newest change cut off on every disk at hand is told, and is no success', { skip }, async (t) => {
  const kit = await Kit.create(t);
  const cut = async (last: number) => {
    for (const disk of kit.disks) {
      const folder = join(inner(disk), 'journal');
      for (const name of (await readdir(folder)).sort().slice(-last)) {
        const path = join(folder, name);
        await truncate(path, (await stat(path)).size - 3);
      }
    }
    return kit.run('verify', kit.disks);
  };
  const torn = await cut(1);
  assert.equal(torn.status, 3, torn.stderr);
  assert.match(torn.stderr, /a newer change may be missing. Name another disk of this volume/);
  const gap = await cut(100);
  assert.equal(gap.status, 3, gap.stderr);
  assert.match(gap.stderr, /has a gap .* Name another disk of this volume/);
});
