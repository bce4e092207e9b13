import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { DriveError, hasCode } from '../../src/core/errors.js';
import type { FileIo } from '../../src/core/file-io.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { DirectoryNodeStore } from '../../src/node/directory-node-store.js';
import { initializeNodeDirectory, nodeFolderName } from '../../src/node/node-directory.js';
import { encodePassport, passportFileName } from '../../src/node/passport.js';
import { nodeStoreSuite } from '../suites/node-store-suite.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const passport = { volume: '00000000000000aa', node: '00000000000000bb', label: 'blue', created: 1 };

async function openNode(context: TestContext, fileIo: FileIo = systemFileIo, clock = systemClock) {
  const path = join(await temporaryFolder(context), 'node');
  await initializeNodeDirectory(systemFileIo, path, { passport, otherPaths: [] });
  const open = async () => {
    const { node: id, volume } = passport;
    const store = await DirectoryNodeStore.open({ path, id, volume, fileIo, clock, safety: testSafety });
    context.after(() => store.close());
    return store;
  };
  return { path, folder: join(path, nodeFolderName(passport.node)), store: await open(), again: open };
}

const isGone = (reason: string) => (error: unknown) => {
  assert.ok(hasCode(error, 'NODE_GONE'), String(error));
  assert.equal(error.details.reason, reason);
  return true;
};

/** The system's file I/O with some of its answers replaced. */
function faulty(overrides: Partial<FileIo>): FileIo {
  const base: FileIo = {
    open: (path, mode) => systemFileIo.open(path, mode),
    readWhole: (path, limitBytes) => systemFileIo.readWhole(path, limitBytes),
    stat: (path) => systemFileIo.stat(path),
    list: (path) => systemFileIo.list(path),
    rename: (from, to) => systemFileIo.rename(from, to),
    unlink: (path) => systemFileIo.unlink(path),
    makeFolder: (path) => systemFileIo.makeFolder(path),
    syncFolder: (path) => systemFileIo.syncFolder(path),
    space: (path) => systemFileIo.space(path),
  };
  return { ...base, ...overrides };
}

nodeStoreSuite('a node in a directory', openNode);

test('a folder renamed away is gone, never made again, and comes back whole', async (context) => {
  const { path, store } = await openNode(context);
  await store.create('segments', 'a.seg');
  await store.write('segments', 'a.seg', 0, [Buffer.from('abc')]);
  await store.sync('segments', 'a.seg');
  await rename(path, `${path}-away`);
  await store.write('segments', 'a.seg', 3, [Buffer.from('def')]);
  await assert.rejects(store.sync('segments', 'a.seg'), isGone('absent'));
  await store.release();
  const calls = [
    () => store.create('segments', 'b.seg'),
    () => store.read('segments', 'a.seg', 0, 1),
    () => store.list('segments'),
    () => store.put('checkpoints', 'c', [Buffer.from('c')]),
    () => store.move('segments', 'a.seg', 'attic', 'a.seg'),
    () => store.probe(),
    () => store.look(),
  ];
  for (const call of calls) await assert.rejects(call, isGone('absent'));
  assert.equal(await systemFileIo.stat(path), undefined);
  await rename(`${path}-away`, path);
  await store.look();
  assert.equal((await store.read('segments', 'a.seg', 0, 3)).toString(), 'abc');
});

test('nothing is written into a bare mount point', async (context) => {
  const { path, store } = await openNode(context);
  await store.probe();
  await rename(path, `${path}-away`);
  await mkdir(path);
  await assert.rejects(store.create('segments', 'a.seg'), isGone('absent'));
  await assert.rejects(store.put('segments', 'a.seg', [Buffer.from('a')]), isGone('absent'));
  await assert.rejects(store.probe(), isGone('absent'));
  await assert.rejects(store.list('segments'), isGone('absent'));
  assert.deepEqual(await readdir(path), []);
});

test('without its passport a node is gone, for reads of missing files too', async (context) => {
  const { path, store } = await openNode(context);
  await assert.rejects(store.read('segments', 'a.seg', 0, 1), (error) => hasCode(error, 'FILE_MISSING'));
  await rm(join(path, passportFileName));
  await assert.rejects(store.read('segments', 'a.seg', 0, 1), isGone('absent'));
  await assert.rejects(store.look(), isGone('absent'));
  await writeFile(join(path, passportFileName), 'garbage');
  await assert.rejects(store.look(), isGone('corrupt'));
});

test("another volume's or node's passport makes it foreign, and nothing is written", async (context) => {
  const { path, folder, store } = await openNode(context);
  for (const other of [{ volume: '00000000000000cc' }, { node: '00000000000000cc' }]) {
    await writeFile(join(path, passportFileName), encodePassport({ ...passport, ...other }));
    await assert.rejects(store.create('segments', 'a.seg'), isGone('foreign'));
    await assert.rejects(store.put('segments', 'b.seg', [Buffer.from('b')]), isGone('foreign'));
    await assert.rejects(store.probe(), isGone('foreign'));
  }
  assert.deepEqual(await readdir(join(folder, 'segments')), []);
});

test('a folder missing inside a node with a passport is NODE_GONE, not a missing file', async (context) => {
  const { folder, store } = await openNode(context);
  await rename(join(folder, 'segments'), join(folder, 'segments-away'));
  await assert.rejects(store.read('segments', 'a', 0, 1), isGone('folder'));
  await assert.rejects(store.create('segments', 'a'), isGone('folder'));
  await assert.rejects(store.list('segments'), isGone('folder'));
  await assert.rejects(store.put('segments', 'a', [Buffer.from('a')]), isGone('folder'));
  assert.deepEqual(await store.list('journal'), []);
});

test('another device at the path is refused until the node is attached anew', async (context) => {
  let shift = 0;
  const io = faulty({
    open: async (path, mode) => {
      const file = await systemFileIo.open(path, mode);
      const stat = async () => {
        const real = await file.stat();
        return { ...real, device: real.device + shift };
      };
      return {
        read: (buffer, position) => file.read(buffer, position),
        write: (buffers, position) => file.write(buffers, position),
        sync: () => file.sync(),
        truncate: (lengthBytes) => file.truncate(lengthBytes),
        stat,
        close: () => file.close(),
      };
    },
    stat: async (path) => {
      const real = await systemFileIo.stat(path);
      return real && { ...real, device: real.device + shift };
    },
  });
  const { store } = await openNode(context, io);
  await store.create('segments', 'a.seg');
  shift = 1;
  await store.write('segments', 'a.seg', 0, [Buffer.from('abc')]);
  await assert.rejects(store.sync('segments', 'a.seg'), isGone('device'));
  await assert.rejects(store.create('segments', 'b.seg'), isGone('device'));
  await assert.rejects(store.look(), isGone('device'));
  await store.release();
  await store.look();
  await store.create('segments', 'b.seg');
});

test('a failed fsync is final for its file, even when the disk recovers', async (context) => {
  let failing = true;
  let syncs = 0;
  const io = faulty({
    open: async (path, mode) => {
      const file = await systemFileIo.open(path, mode);
      file.sync = async () => {
        syncs += 1;
        if (failing) throw new DriveError('NODE_IO', { details: { errno: 5 } });
      };
      return file;
    },
  });
  const { store } = await openNode(context, io);
  await store.create('segments', 'a.seg');
  await store.write('segments', 'a.seg', 0, [Buffer.from('abc')]);
  await assert.rejects(store.sync('segments', 'a.seg'), (error) => hasCode(error, 'NODE_IO'));
  failing = false;
  await assert.rejects(store.sync('segments', 'a.seg'), (error) => hasCode(error, 'NODE_IO'));
  await assert.rejects(store.write('segments', 'a.seg', 3, [Buffer.from('d')]), (error) => hasCode(error, 'NODE_IO'));
  assert.equal(syncs, 1);
  await store.create('segments', 'b.seg');
  await store.sync('segments', 'b.seg');
});

test('making a name durable is part of the first sync', async (context) => {
  const order: string[] = [];
  const io = faulty({
    open: async (path, mode) => {
      const file = await systemFileIo.open(path, mode);
      if (mode === 'create') file.sync = async () => void order.push('file');
      if (path.endsWith(passportFileName)) order.push('passport');
      return file;
    },
    syncFolder: async (path) => void order.push(path.endsWith('segments') ? 'folder' : path),
  });
  const { store } = await openNode(context, io);
  await store.create('segments', 'a.seg');
  order.length = 0;
  await store.sync('segments', 'a.seg');
  assert.deepEqual(order, ['file', 'folder', 'passport']);
  order.length = 0;
  await store.sync('segments', 'a.seg');
  assert.deepEqual(order, ['file', 'passport']);
});

test('beside an fsync the passport is looked at, and read again when its file is another one or has changed', async (context) => {
  const read: string[] = [];
  const io = faulty({
    open: (path, mode) => {
      read.push(path);
      return systemFileIo.open(path, mode);
    },
  });
  // Its passport was made just now: so soon after a change, another one might not show.
  let offsetMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + offsetMs };
  const { path, store } = await openNode(context, io, clock);
  const passportPath = join(path, passportFileName);
  await store.create('segments', 'a.seg');
  const syncSome = async () => {
    read.length = 0;
    await store.sync('segments', 'a.seg');
    return read.filter((name) => name === passportPath).length;
  };
  assert.equal(await syncSome(), 1, 'made just now');
  offsetMs = 60_000;
  assert.equal(await syncSome(), 1, 'read again');
  assert.equal(await syncSome(), 0);
  const bytes = encodePassport({ ...passport, label: 'another' });
  await writeFile(passportPath, bytes);
  assert.equal(await syncSome(), 1, 'written again');
  await rename(passportPath, `${passportPath}.old`);
  await writeFile(passportPath, bytes);
  assert.equal(await syncSome(), 1, 'another file');
  assert.equal(await syncSome(), 0);
  await writeFile(passportPath, encodePassport({ ...passport, label: 'foreign', node: '00000000000000cc' }));
  await assert.rejects(store.sync('segments', 'a.seg'), isGone('foreign'));
});

test('an fsync beside which the passport is gone does not count', async (context) => {
  const { path, store } = await openNode(context);
  await store.create('segments', 'a.seg');
  await store.sync('segments', 'a.seg');
  await rm(join(path, passportFileName));
  await assert.rejects(store.sync('segments', 'a.seg'), isGone('absent'));
});

test('a put is whole and durable before it has its name, and a cut is durable', async (context) => {
  const order: string[] = [];
  const io = faulty({
    open: async (path, mode) => {
      const file = await systemFileIo.open(path, mode);
      const { write, sync, truncate } = file;
      file.write = async (buffers, position) => {
        order.push('write');
        await write.call(file, buffers, position);
      };
      file.sync = async () => {
        order.push('sync');
        await sync.call(file);
      };
      file.truncate = async (lengthBytes) => {
        order.push('truncate');
        await truncate.call(file, lengthBytes);
      };
      return file;
    },
    rename: async (from, to) => {
      order.push('rename');
      await systemFileIo.rename(from, to);
    },
    syncFolder: async () => void order.push('sync folder'),
  });
  const { store } = await openNode(context, io);
  await store.put('segments', 'a.seg', [Buffer.from('ab'), Buffer.from('cd')]);
  assert.deepEqual(order.splice(0), ['write', 'write', 'sync', 'rename', 'sync folder']);
  await store.cut('segments', 'a.seg', 3);
  assert.deepEqual(order.splice(0), ['truncate', 'sync']);
  await store.move('segments', 'a.seg', 'attic', 'a.seg');
  assert.deepEqual(order, ['rename', 'sync folder', 'sync folder']);
});

test('a read-only file system shows in a probe', async (context) => {
  const io = faulty({
    open: (path, mode) => {
      if (mode !== 'read') throw new DriveError('NODE_READ_ONLY');
      return systemFileIo.open(path, mode);
    },
  });
  const { store } = await openNode(context, io);
  await assert.rejects(store.probe(), (error) => hasCode(error, 'NODE_READ_ONLY'));
  await store.look();
});

test('a file that somebody deleted is missing after the next listing, though it was open', async (context) => {
  const { folder, store } = await openNode(context);
  for (const name of ['a.seg', 'b.seg']) {
    await store.put('segments', name, [Buffer.from('abc')]);
    assert.equal((await store.read('segments', name, 0, 3)).toString(), 'abc');
  }
  await rm(join(folder, 'segments', 'a.seg'));
  await store.list('journal');
  assert.deepEqual(await store.list('segments'), [{ name: 'b.seg', sizeBytes: 3 }]);
  await assert.rejects(store.read('segments', 'a.seg', 0, 3), { code: 'FILE_MISSING' });
  assert.equal((await store.read('segments', 'b.seg', 0, 3)).toString(), 'abc');
});

test('what an interrupted put left is not listed and goes with the next probe', async (context) => {
  const { folder, store } = await openNode(context);
  const leftOver = join(folder, 'segments', 'a.seg.tmp');
  await writeFile(leftOver, 'half');
  assert.deepEqual(await store.list('segments'), []);
  await store.put('segments', 'a.seg', [Buffer.from('whole')]);
  await writeFile(leftOver, 'half');
  await store.probe();
  assert.deepEqual(await readdir(join(folder, 'segments')), ['a.seg']);
  const failing = (function* () {
    yield Buffer.from('half');
    throw new Error('the source failed');
  })();
  await assert.rejects(store.put('segments', 'b.seg', failing), /the source failed/);
  assert.deepEqual((await readdir(join(folder, 'segments'))).sort(), ['a.seg', 'b.seg.tmp']);
  await store.probe();
  assert.deepEqual(await readdir(join(folder, 'segments')), ['a.seg']);
});

/** Files below `path` that this process has open. */
async function openBelow(path: string): Promise<string[]> {
  const links = await readdir('/proc/self/fd');
  const targets = await Promise.all(links.map((link) => readlink(`/proc/self/fd/${link}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(path));
}

const onLinux = { skip: process.platform === 'linux' ? false : 'reads /proc' };

test('an idle node holds no open file, and is written to further', onLinux, async (context) => {
  const { path, store } = await openNode(context);
  await store.create('journal', 'j');
  await store.write('journal', 'j', 0, [Buffer.from('abc')]);
  await store.sync('journal', 'j');
  await store.put('checkpoints', 'c', [Buffer.from('c')]);
  await store.read('checkpoints', 'c', 0, 1);
  assert.ok((await openBelow(path)).length > 0);
  await store.idle();
  assert.deepEqual(await openBelow(path), []);
  assert.equal((await store.read('journal', 'j', 0, 9)).toString(), 'abc');
  await store.write('journal', 'j', 3, [Buffer.from('def')]);
  await store.sync('journal', 'j');
  assert.equal((await store.read('journal', 'j', 0, 9)).toString(), 'abcdef');
});

test('what is not synced stays open when the node is idle', onLinux, async (context) => {
  const { folder, store } = await openNode(context);
  await store.create('journal', 'j');
  await store.idle();
  assert.deepEqual(await openBelow(folder), [join(folder, 'journal', 'j')]);
  await store.sync('journal', 'j');
  await store.write('journal', 'j', 0, [Buffer.from('abc')]);
  await store.idle();
  assert.deepEqual(await openBelow(folder), [join(folder, 'journal', 'j')]);
});

test('a file that something else changed while the node was idle is never written to again', async (context) => {
  const { folder, store } = await openNode(context);
  const changes: Record<string, (path: string) => Promise<void>> = {
    appended: (path) => appendFile(path, 'x'),
    cut: (path) => truncate(path, 2),
    replaced: async (path) => {
      await copyFile(path, `${path}-copy`);
      await rename(`${path}-copy`, path);
    },
    removed: (path) => rm(path),
  };
  for (const [name, change] of Object.entries(changes)) {
    await store.create('journal', name);
    await store.write('journal', name, 0, [Buffer.from('abc')]);
    await store.sync('journal', name);
    await store.idle();
    await change(join(folder, 'journal', name));
    const refused = (error: unknown) => hasCode(error, 'NODE_IO', 'FILE_MISSING');
    await assert.rejects(store.write('journal', name, 3, [Buffer.from('d')]), refused, name);
    await assert.rejects(store.sync('journal', name), refused, name);
  }
  assert.deepEqual((await readdir(join(folder, 'journal'))).sort(), ['appended', 'cut', 'replaced']);
});

test('a released node holds no open file', onLinux, async (context) => {
  const { path, store } = await openNode(context);
  await store.create('journal', 'j');
  await store.write('journal', 'j', 0, [Buffer.from('abc')]);
  await store.read('journal', 'j', 0, 1);
  await store.release();
  assert.deepEqual(await openBelow(path), []);
});
