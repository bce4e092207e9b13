import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DriveError, hasCode } from '../../src/core/errors.js';
import type { FileIo } from '../../src/core/file-io.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import {
  initializeNodeDirectory,
  inspectNodeDirectory,
  nodeAt,
  nodeFolderName,
  volumeAt,
} from '../../src/node/node-directory.js';
import { passportFileName } from '../../src/node/passport.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const passport = { volume: '00000000000000aa', node: '00000000000000bb', label: 'blue', created: 1 };
const inspect = (path: string, otherPaths: string[] = [], volume: string | undefined = passport.volume) =>
  inspectNodeDirectory(systemFileIo, path, { volume, otherPaths: otherPaths.map(nodeAt) });
const initialize = (path: string, otherPaths: string[] = [], of = passport) =>
  initializeNodeDirectory(systemFileIo, path, { passport: of, otherPaths: otherPaths.map(nodeAt) });

async function refuses(work: Promise<unknown>, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(work, (error: DriveError) => {
    assert.ok(hasCode(error, 'NODE_REFUSED'), String(error));
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    return true;
  });
}

async function emptyFolder(context: TestContext, name = 'node'): Promise<string> {
  const path = join(await temporaryFolder(context), name);
  await mkdir(path);
  return path;
}

test('an empty folder and an absent one become nodes', async (context) => {
  const empty = await emptyFolder(context);
  assert.equal((await inspect(empty)).kind, 'empty');
  const absent = join(empty, '..', 'absent');
  assert.equal((await inspect(absent)).kind, 'absent');
  for (const path of [empty, absent]) {
    await initialize(path, []);
    assert.deepEqual((await readdir(path)).sort(), [nodeFolderName(passport.node), passportFileName].sort());
    const folders = await readdir(join(path, nodeFolderName(passport.node)));
    assert.deepEqual(folders.sort(), ['attic', 'checkpoints', 'journal', 'segments']);
    assert.deepEqual(await inspect(path), { kind: 'node', passport });
  }
});

test('what systems put on a fresh disk does not count', async (context) => {
  const path = await emptyFolder(context);
  for (const name of [
    'lost+found',
    'System Volume Information',
    '$RECYCLE.BIN',
    '.Trashes',
    '.fseventsd',
    '.Trash-1000',
  ]) {
    await mkdir(join(path, name));
  }
  await writeFile(join(path, '.DS_Store'), 'x');
  await mkdir(join(path, '.Spotlight-V100'));
  await initialize(path);
});

test('a folder with other things in it is refused and a folder inside is offered', async (context) => {
  const path = await emptyFolder(context);
  await writeFile(join(path, 'thesis.doc'), 'x');
  await refuses(initialize(path), /not empty.*thesis\.doc/, new RegExp(join(path, 'holdfast')));
  assert.deepEqual(await readdir(path), ['thesis.doc']);
});

test('a file, and a path whose parent is absent or a file, are refused', async (context) => {
  const path = await emptyFolder(context);
  const file = join(path, 'file');
  await writeFile(file, 'x');
  await refuses(initialize(file), /not a folder/, /choose a folder/);
  await refuses(initialize(join(file, 'below')), /parent/, /choose a path/);
  await refuses(initialize(join(path, 'absent', 'deeper')), /parent/, /make .*absent first/);
  assert.deepEqual(await readdir(path), ['file']);
});

test('a node of another volume is refused, one of this volume is recognised', async (context) => {
  const path = await emptyFolder(context);
  await initialize(path);
  await refuses(inspect(path, [], '00000000000000cc'), /another volume/, /00000000000000aa/);
  assert.equal((await inspectNodeDirectory(systemFileIo, path, { otherPaths: [] })).kind, 'node');
  await refuses(initialize(path, [], { ...passport, node: '00000000000000cc' }), /already/, /another folder/);
});

test('the same folder, one inside and one around another node are refused, also by links', async (context) => {
  const path = await emptyFolder(context);
  const inside = join(path, 'inside');
  await mkdir(inside);
  const link = join(path, '..', 'link');
  await symlink(path, link);
  await refuses(inspect(path, [path]), /same folder/, /outside/);
  await refuses(inspect(`${path}/.`, [path]), /same folder/, /outside/);
  await refuses(inspect(link, [path]), /same folder/, /outside/);
  await refuses(inspect(inside, [path]), /lies inside/, /outside/);
  await refuses(inspect(join(link, 'inside'), [path]), /lies inside/, /outside/);
  await refuses(inspect(join(link, 'inside', 'absent'), [path]), /lies inside/, /outside/);
  await refuses(inspect(path, [inside]), /contains/, /outside/);
  await refuses(inspect(path, [join(link, 'inside')]), /contains/, /outside/);
  await refuses(inspect(path, [join(path, 'unplugged')]), /contains/, /outside/);
  const beside = `${path}-2`;
  await mkdir(beside);
  assert.equal((await inspect(beside, [path])).kind, 'empty');
});

test('what a folder must lie apart from is called by its name', async (context) => {
  const path = await emptyFolder(context);
  const inside = inspectNodeDirectory(systemFileIo, join(path, 'inside'), { otherPaths: [volumeAt(path)] });
  await refuses(inside, /lies inside the volume's directory/, /outside/);
});

test('a folder inside of any node is refused, at any depth and by links', async (context) => {
  const path = await emptyFolder(context);
  await initialize(path);
  const link = join(path, '..', 'link');
  await symlink(path, link);
  const deeper = join(path, nodeFolderName(passport.node), 'segments');
  for (const inside of [join(path, 'inside'), deeper, join(deeper, 'absent'), join(link, 'inside')]) {
    await refuses(inspect(inside, [], '00000000000000cc'), /lies inside a node/, /outside of all nodes/);
  }
});

test('a node whose passport is gone or damaged is never made anew', async (context) => {
  const path = await emptyFolder(context);
  await initialize(path);
  await writeFile(join(path, nodeFolderName(passport.node), 'segments', 'a.seg'), 'data');
  await writeFile(join(path, passportFileName), 'garbage');
  await refuses(initialize(path), /damaged/, /from a copy/);
  await rm(join(path, passportFileName));
  await refuses(initialize(path), /without its passport/, /from a copy/);
});

test('an initialization that was interrupted can be repeated', async (context) => {
  const path = await emptyFolder(context);
  await initialize(path);
  await rename(join(path, passportFileName), join(path, `${passportFileName}.tmp`));
  await initialize(path, [], { ...passport, node: '00000000000000cc' });
  assert.equal((await inspect(path)).kind, 'node');
});

test('everything is durable before the passport has its name', async (context) => {
  const path = await emptyFolder(context);
  const order: string[] = [];
  const io = Object.create(systemFileIo) as FileIo;
  io.open = async (name, mode) => {
    const file = await systemFileIo.open(name, mode);
    const { sync } = file;
    file.sync = async () => {
      order.push('sync passport');
      await sync.call(file);
    };
    return file;
  };
  io.syncFolder = async (folder) => void order.push(`sync ${folder === path ? 'root' : 'folder'}`);
  io.rename = async (from, to) => {
    order.push('rename');
    await systemFileIo.rename(from, to);
  };
  for (const name of ['stat', 'list', 'unlink', 'makeFolder', 'readWhole', 'space'] as const) {
    Object.assign(io, {
      [name]: (systemFileIo[name] as (first: string, second: number) => unknown).bind(systemFileIo),
    });
  }
  await initializeNodeDirectory(io, path, { passport, otherPaths: [] });
  assert.deepEqual(order, ['sync folder', 'sync root', 'sync passport', 'rename', 'sync root']);
});
