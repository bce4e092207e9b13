/** The monitor on real folders, with chokidar and the system's clock: what a person does to a disk. */
import assert from 'node:assert/strict';
import fs, { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { mock, type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { productionSafety } from '../../src/core/safety-parameters.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { DirectoryNodeStore } from '../../src/node/directory-node-store.js';
import { Node } from '../../src/node/node.js';
import { initializeNodeDirectory, nodeFolderName } from '../../src/node/node-directory.js';
import { NodeMonitor } from '../../src/node/node-monitor.js';
import type { NodeState } from '../../src/node/node-state.js';
import { NodeWatcher, type NodeWatcherOptions } from '../../src/node/node-watcher.js';
import { encodePassport, passportFileName } from '../../src/node/passport.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const passport = { volume: '00000000000000aa', node: '00000000000000bb', label: 'blue', created: 1 };
const withLimit = { timeout: 400_000 };

async function makeNode(context: TestContext): Promise<{ path: string; folder: string }> {
  const path = join(await temporaryFolder(context), 'node');
  await initializeNodeDirectory(systemFileIo, path, { passport, otherPaths: [] });
  return { path, folder: join(path, nodeFolderName(passport.node)) };
}

/** A monitored node; `probeIntervalMs` of an hour leaves all noticing to chokidar. */
async function watchOver(context: TestContext, probeIntervalMs: number) {
  const { path, folder } = await makeNode(context);
  const safety = { ...productionSafety, probeIntervalMs, returnProbeIntervalMs: 100 };
  const { node: id, volume } = passport;
  const store = await DirectoryNodeStore.open({ path, id, volume, fileIo: systemFileIo, clock: systemClock, safety });
  const reports: string[] = [];
  let watcher: NodeWatcher | undefined;
  const watch = (options: NodeWatcherOptions) => {
    watcher = NodeWatcher.start(options);
    return watcher;
  };
  const monitor = new NodeMonitor({ clock: systemClock, safety, watch, report: (message) => reports.push(message) });
  context.after(() => monitor.close());
  const node = new Node({ store, clock: systemClock, path, label: 'blue', group: 'a', weight: 1, role: 'active' });
  keepAlive(context);
  const reached = (state: NodeState) =>
    new Promise<void>((resolve) => {
      if (node.state === state) return resolve();
      const stop = node.onChange(({ to }) => {
        if (to !== state) return;
        stop();
        resolve();
      });
    });
  await monitor.add(node);
  node.welcome();
  assert.equal(node.state, 'online');
  await watcher!.ready;
  return { path, folder, node, reports, reached, watching: () => watcher!.ready };
}

/** Timers of the clock and watchers do not keep the process alive; a test that waits for them must. */
function keepAlive(context: TestContext): void {
  const alive = setInterval(() => undefined, 1000);
  context.after(() => clearInterval(alive));
}

function startWatcher(
  context: TestContext,
  options: Pick<NodeWatcherOptions, 'path'> & Partial<NodeWatcherOptions>,
): NodeWatcher {
  const ignore = () => undefined;
  const defaults = {
    id: passport.node,
    onDoubt: ignore,
    onListing: ignore,
    onTrouble: (error: unknown) => assert.fail(String(error)),
  };
  const watcher = NodeWatcher.start({ ...defaults, ...options });
  context.after(() => watcher.close());
  return watcher;
}

const hour = 3_600_000;

for (const [how, probeIntervalMs] of [
  ['a probe', 100],
  ['chokidar', hour],
] as const) {
  test(`a folder renamed away is noticed by ${how}, and its return too`, withLimit, async (context) => {
    const { path, node, reached, watching } = await watchOver(context, probeIntervalMs);
    await rename(path, `${path}-away`);
    await reached('offline');
    await mkdir(path);
    await rm(path, { recursive: true });
    await rename(`${path}-away`, path);
    await reached('returning');
    node.welcome();
    await node.store.put('segments', 'a.seg', [Buffer.from('abc')]);
    await watching();
    await rename(path, `${path}-away`);
    await reached('offline');
  });
}

test('a deleted passport and a foreign one are noticed by chokidar', withLimit, async (context) => {
  const { path, folder, node, reached } = await watchOver(context, hour);
  await rm(join(path, passportFileName));
  await reached('offline');
  await writeFile(join(path, passportFileName), encodePassport({ ...passport, volume: '00000000000000cc' }));
  await reached('foreign');
  await assert.rejects(node.store.create('segments', 'a.seg'));
  assert.deepEqual(await readdir(join(folder, 'segments')), []);
  await writeFile(join(path, passportFileName), encodePassport(passport));
  await reached('returning');
});

test('a segment deleted beneath a node asks for a listing, writing to one does not', withLimit, async (context) => {
  const { path, folder } = await makeNode(context);
  await writeFile(join(folder, 'segments', 'a.seg'), 'abc');
  await writeFile(join(folder, 'segments', 'b.seg'), 'abc');
  const hints: string[] = [];
  keepAlive(context);
  let onListing = () => {};
  const hinted = new Promise<void>((resolve) => {
    onListing = () => {
      hints.push('listing');
      resolve();
    };
  });
  const watcher = startWatcher(context, { path, onListing, onDoubt: () => hints.push('doubt') });
  await watcher.ready;
  await writeFile(join(folder, 'segments', 'b.seg'), 'changed');
  await rm(join(folder, 'segments', 'a.seg'));
  await hinted;
  assert.deepEqual(hints, ['listing']);
});

test('writes into segments do not make anybody look at the other files', withLimit, async (context) => {
  const { path, folder } = await makeNode(context);
  const segments = join(folder, 'segments');
  for (let count = 0; count < 50; count += 1) await writeFile(join(segments, `${count}.seg`), 'x');
  keepAlive(context);
  let onListing = () => {};
  const watcher = startWatcher(context, { path, onListing: () => onListing() });
  await watcher.ready;
  const looks = (['lstat', 'stat', 'readdir'] as const).map((name) => mock.method(fs, name));
  syncBuiltinESMExports();
  context.after(() => {
    mock.restoreAll();
    syncBuiltinESMExports();
  });
  for (let round = 0; round < 5; round += 1) {
    const hinted = new Promise<void>((resolve) => {
      onListing = resolve;
    });
    for (let count = 0; count < 50; count += 1) await writeFile(join(segments, `${count}.seg`), `${round}`);
    await writeFile(join(segments, `new-${round}.seg`), 'x');
    await hinted;
  }
  const looked = looks.flatMap(({ mock: { calls } }) => calls.map(({ arguments: [item] }) => String(item)));
  assert.deepEqual(
    looked.filter((item) => item.startsWith(segments)),
    [],
  );
});

test('single files are not watched', withLimit, async (context) => {
  const { path, folder } = await makeNode(context);
  for (let count = 0; count < 200; count += 1) await writeFile(join(folder, 'segments', `${count}.seg`), 'x');
  const before = await watchCount();
  keepAlive(context);
  const watcher = startWatcher(context, { path });
  await watcher.ready;
  const watches = (await watchCount()) - before;
  assert.ok(watches < 20, `${watches} watches`);
  await watcher.close();
  await watcher.close();
});

/** inotify watches of this process. */
async function watchCount(): Promise<number> {
  if (process.platform !== 'linux') return 0;
  let count = 0;
  for (const descriptor of await readdir('/proc/self/fdinfo')) {
    const info = await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8').catch(() => '');
    count += info.split('inotify wd:').length - 1;
  }
  return count;
}
