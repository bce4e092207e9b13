/** What a disk may be when it comes back, or what lies at its path instead: what the drive does and what status says. */
import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { OpenMode } from '../../../src/core/file-io.js';
import { productionSafety, type SafetyParameters, testSafety } from '../../../src/core/safety-parameters.js';
import { systemContext } from '../../../src/drive/drive-context.js';
import { createVolume, rebuildVolume } from '../../../src/drive.js';
import type { NodeState } from '../../../src/node/node-state.js';
import { randomBytes, TestDrive } from '../../drive/drive-fixture.js';

const safety: SafetyParameters = {
  ...productionSafety,
  ...testSafety,
  healGraceMs: 600_000,
  probeIntervalMs: 100,
  returnProbeIntervalMs: 100,
  retryMs: 4_000,
};

interface ReturnCase {
  readonly disk: string;
  readonly safety?: Partial<SafetyParameters>;
  /** The disk of node a is away when it begins, and what lies at its path when it ends is met by the drive. */
  readonly meanwhile: (drive: TestDrive) => Promise<void>;
  readonly state: NodeState;
  /** Of the node, in status. */
  readonly says?: RegExp;
  /** Among the events. */
  readonly event?: RegExp;
  /** What must be there then. */
  readonly files: Readonly<Record<string, string>>;
}

const before = { 'before.txt': 'before' };
const later = { ...before, 'later.txt': 'later' };

const cases: readonly ReturnCase[] = [
  {
    disk: 'the same and current',
    meanwhile: (drive) => drive.plug('a'),
    state: 'online',
    files: before,
  },
  {
    disk: 'behind: its journal gets what it lacks',
    meanwhile: async (drive) => {
      await drive.put('later.txt', 'later');
      await drive.plug('a');
    },
    state: 'online',
    files: later,
  },
  {
    disk: 'far behind: it gets a checkpoint',
    safety: { journalRetainBytes: 1 },
    meanwhile: async (drive) => {
      await drive.put('later.txt', 'later');
      await leaveFarBehind(drive);
      await drive.plug('a');
    },
    state: 'online',
    event: /far behind: it is given a checkpoint/,
    files: later,
  },
  {
    disk: 'newer than the index',
    meanwhile: async (drive) => {
      await drive.plug('a');
      await drive.untilState('a', 'online');
      await drive.closeUnchecked();
      const index = join(drive.directory, 'index.db');
      await copyFile(index, join(drive.folder, 'old.db'));
      await drive.open();
      await drive.pull('b');
      await drive.untilState('b', 'offline');
      await drive.put('later.txt', 'later');
      await drive.closeUnchecked();
      await drive.pull('a');
      for (const name of await readdir(drive.directory)) {
        if (name.startsWith('index.db')) await rm(join(drive.directory, name));
      }
      await rename(join(drive.folder, 'old.db'), index);
      await drive.open();
      assert.equal(await drive.volume.stat(['later.txt']), undefined);
      await drive.plug('a');
    },
    state: 'online',
    event: /open for reading only/,
    files: later,
  },
  {
    disk: 'newer than all disks that are here',
    meanwhile: async (drive) => {
      await drive.plug('a');
      await drive.untilState('a', 'online');
      await drive.pull('b');
      await drive.untilState('b', 'offline');
      await drive.put('later.txt', 'later');
      await drive.closeUnchecked();
      await drive.pull('a');
      await drive.plug('b');
      await drive.open();
      assert.equal((await drive.drive.status()).health, 'damaged', 'the only copy of a file is away');
      await drive.plug('a');
    },
    state: 'online',
    event: /open for reading only: no disk that holds the newest changes is present/,
    files: later,
  },
  {
    disk: 'a copy of another node',
    meanwhile: async (drive) => {
      await drive.put('later.txt', 'later');
      await cp(join(drive.folder, 'b'), join(drive.folder, 'a'), { recursive: true });
    },
    state: 'foreign',
    says: /node [0-9a-f]{16} of volume [0-9a-f]{16} lies there \(unmount what lies there and mount this node's disk/,
    files: later,
  },
  {
    disk: 'a disk of another volume',
    meanwhile: async (drive) => {
      await drive.put('later.txt', 'later');
      const other = { directory: join(drive.folder, 'other'), nodes: [join(drive.folder, 'a')], replicas: 1 };
      await createVolume(other, drive.context);
    },
    state: 'foreign',
    says: /of volume [0-9a-f]{16} lies there \(unmount what lies there and mount this node's disk/,
    files: later,
  },
  {
    disk: 'wiped',
    meanwhile: async (drive) => {
      await drive.put('later.txt', 'later');
      await mkdir(join(drive.folder, 'a'));
    },
    state: 'offline',
    says: /its passport is not there \(plug the disk in, or mount it at this path\)/,
    files: later,
  },
  {
    disk: 'of another history: it went on alone while it was left out',
    meanwhile: async (drive) => {
      await drive.plug('a');
      await drive.untilState('a', 'online');
      await drive.pull('b');
      await drive.untilState('b', 'offline');
      await drive.put('only on a.txt', 'content');
      await drive.closeUnchecked();
      await drive.plug('b');
      await drive.pull('a');
      await rm(drive.directory, { recursive: true });
      const nodes = [drive.nodePaths[1]!];
      await rebuildVolume({ directory: drive.directory, nodes, without: ['node-1'] }, drive.context);
      await drive.open();
      await drive.put('later.txt', 'later');
      await drive.plug('a');
    },
    state: 'foreign',
    says: /another history of this volume; nothing on it is touched/,
    files: later,
  },
  {
    disk: 'of another history, which the journals that are kept no longer reach',
    safety: { journalRetainBytes: 1 },
    meanwhile: async (drive) => {
      await drive.plug('a');
      await drive.untilState('a', 'online');
      await drive.pull('b');
      await drive.untilState('b', 'offline');
      await drive.put('only on a.txt', 'content');
      await drive.closeUnchecked();
      await drive.plug('b');
      await drive.pull('a');
      await rm(drive.directory, { recursive: true });
      const nodes = [drive.nodePaths[1]!];
      await rebuildVolume({ directory: drive.directory, nodes, without: ['node-1'] }, drive.context);
      await drive.open();
      await drive.put('later.txt', 'later');
      await leaveFarBehind(drive);
      await drive.plug('a');
    },
    state: 'foreign',
    says: /another history of this volume; nothing on it is touched/,
    files: later,
  },
];

/** More is journaled than is kept for a node that is away. */
async function leaveFarBehind(drive: TestDrive): Promise<void> {
  const value = 'x'.repeat(60_000);
  for (let change = 0; change < 40; change += 1) {
    const changes = [{ namespace: 'urn:test', name: 'p', value: `${change}${value}` }];
    await drive.volume.setProperties(['later.txt'], changes, {});
  }
  const before = drive.events.length;
  const told = () => drive.events.slice(before).some(({ message }) => message.includes('node-1 is far behind'));
  await drive.until('it is written off', told);
}

for (const { disk, meanwhile, state, says, event, files, safety: changed } of cases) {
  test(`what comes back is ${disk}`, async (t) => {
    const drive = await open(t, { ...safety, ...changed });
    await drive.put('before.txt', 'before');
    await drive.pull('a');
    await drive.untilState('a', 'offline');
    await meanwhile(drive);
    const listed = state === 'online' ? [] : await below(join(drive.folder, 'a'));
    await drive.untilState('a', state);
    const { nodes } = await drive.drive.status();
    const { reason } = nodes.find(({ path }) => path === drive.nodePaths[0])!;
    if (says) assert.match(reason ?? '', says);
    else assert.equal(reason, null);
    const told = drive.events.map(({ message }) => message).join('\n');
    if (event) assert.match(told, event);
    for (const [name, content] of Object.entries(files))
      assert.equal((await drive.get(name)).toString(), content, name);
    await drive.put('after.txt', 'after');
    // What is no disk of this node is not touched.
    if (state !== 'online') assert.deepEqual(await below(join(drive.folder, 'a')), listed);
    await drive.closeUnchecked();
  });
}

test('a disk that comes back gets what changed, and hardly a byte more', async (t) => {
  const written = new Map<string, number>();
  const fileIo = countingWrites(written);
  const drive = await open(t, safety, { nodes: ['a', 'b', 'c'], replicas: 3, fileIo });
  for (let file = 0; file < 12; file += 1) await drive.put(`old ${file}`, randomBytes(400_000, file));
  await drive.pull('a');
  await drive.untilState('a', 'offline');
  let changedBytes = 0;
  for (let file = 0; file < 24; file += 1) {
    const bytes = randomBytes(350_000 + file, 100 + file);
    await drive.put(file < 4 ? `old ${file}` : `new ${file}`, bytes);
    changedBytes += bytes.length;
  }
  // So that nothing of it is open for writing when the disk comes back.
  await drive.closeUnchecked();
  written.clear();
  await drive.open();
  await drive.plug('a');
  await drive.until('whole', async () => {
    const { health, segments, healing } = await drive.drive.status();
    return health === 'good' && segments.degraded === 0 && healing.queuedSegments === 0;
  });
  const toSegments = [...written].filter(
    ([path]) => path.startsWith(drive.nodePaths[0]!) && path.includes('/segments/'),
  );
  const copiedBytes = toSegments.reduce((sum, [, bytes]) => sum + bytes, 0);
  t.diagnostic(`${copiedBytes} bytes copied for ${changedBytes} changed: ${(copiedBytes / changedBytes).toFixed(4)}`);
  assert.ok(copiedBytes >= changedBytes, 'all that changed was copied');
  assert.ok(copiedBytes <= 1.05 * changedBytes, `${copiedBytes} bytes copied for ${changedBytes} changed`);
  await drive.pull('b');
  await drive.pull('c');
  for (let file = 0; file < 24; file += 1) {
    const bytes = await drive.get(file < 4 ? `old ${file}` : `new ${file}`);
    assert.ok(bytes.equals(randomBytes(350_000 + file, 100 + file)), `file ${file} from the disk that came back`);
  }
  await drive.closeUnchecked();
});

async function open(
  t: TestContext,
  safetyOfCase: SafetyParameters,
  { nodes = ['a', 'b'], replicas = 2, fileIo = systemContext.fileIo } = {},
): Promise<TestDrive> {
  return (await TestDrive.create(t, { nodes, replicas, context: { safety: safetyOfCase, fileIo } })).open();
}

/** Bytes written through it, by path. */
function countingWrites(written: Map<string, number>): typeof systemContext.fileIo {
  const { fileIo } = systemContext;
  return new Proxy(fileIo, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'open') return value.bind(target);
      return async (path: string, mode: OpenMode) => {
        const file = await target.open(path, mode);
        const count = (buffers: readonly Buffer[]) => {
          const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
          written.set(path, (written.get(path) ?? 0) + bytes);
        };
        return new Proxy(file, {
          get: (inner, method) => {
            const own: unknown = Reflect.get(inner, method);
            if (typeof own !== 'function') return own;
            if (method !== 'write') return own.bind(inner);
            return (buffers: readonly Buffer[], position: number) => {
              count(buffers);
              return inner.write(buffers, position);
            };
          },
        });
      };
    },
  });
}

async function below(path: string): Promise<string[]> {
  const items = await readdir(path, { recursive: true, withFileTypes: true });
  return items.map(({ parentPath, name }) => join(parentPath, name)).sort();
}
