import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import type { OpenFile } from '../../src/core/file-io.js';
import { SeededRandom } from './seeded-random.js';
import { SimDisk } from './sim-disk.js';
import { SimFileIo, SimMounts } from './sim-file-io.js';
import { SimClock, SimScheduler } from './sim-scheduler.js';

function machine(seed = 1) {
  const random = new SeededRandom(seed);
  const disk = new SimDisk('a');
  const mounts = new SimMounts(new SimDisk('system'));
  mounts.plug('/a', disk);
  const scheduler = new SimScheduler(random, 0);
  const io = new SimFileIo(mounts, scheduler);
  const run = async <T>(work: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settled = work.finally(() => {
      isSettled = true;
    });
    settled.catch(() => undefined);
    await scheduler.runUntil(() => isSettled);
    return settled;
  };
  return { random, disk, mounts, scheduler, io, run };
}

async function writeFile(io: SimFileIo, path: string, text: string): Promise<OpenFile> {
  const file = await io.open(path, 'create');
  await file.write([Buffer.from(text)], 0);
  return file;
}

/** What is left of `/a/f` after a power cut, over many seeds. */
async function afterPowerCut(prepare: (io: SimFileIo) => Promise<void>): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { random, disk, io, run } = machine(seed);
    await run(prepare(io));
    disk.loseMemory(random);
    const file = disk.files().find(({ path }) => path === '/f');
    seen.add(file ? file.file.contents().toString('latin1') : 'absent');
  }
  return seen;
}

describe('the simulated disk', () => {
  it('may lose the name of a file that was synced while its folder was not', async () => {
    const seen = await afterPowerCut(async (io) => (await writeFile(io, '/a/f', 'one')).sync());
    assert.deepEqual([...seen].sort(), ['absent', 'one']);
  });

  it('may lose, keep, grow or tear what was not synced in a file whose name is durable', async () => {
    const text = 'x'.repeat(1024);
    const seen = await afterPowerCut(async (io) => {
      await writeFile(io, '/a/f', text);
      await io.syncFolder('/a');
    });
    const half = 'x'.repeat(512);
    for (const state of ['', text, '\0'.repeat(1024), half, '\0'.repeat(512) + half]) assert.ok(seen.has(state));
    assert.equal(seen.size, 5);
  });

  it('keeps what was synced, file and folder', async () => {
    const seen = await afterPowerCut(async (io) => {
      await (await writeFile(io, '/a/f', 'one')).sync();
      await io.syncFolder('/a');
    });
    assert.deepEqual([...seen], ['one']);
  });

  it('renames wholly or not at all, and durably only when the folder was synced', async () => {
    const prepare = (isSynced: boolean) => async (io: SimFileIo) => {
      await (await writeFile(io, '/a/f', 'old')).sync();
      await (await writeFile(io, '/a/new', 'new')).sync();
      await io.syncFolder('/a');
      await io.rename('/a/new', '/a/f');
      if (isSynced) await io.syncFolder('/a');
    };
    assert.deepEqual([...(await afterPowerCut(prepare(false)))].sort(), ['new', 'old']);
    assert.deepEqual([...(await afterPowerCut(prepare(true)))], ['new']);
  });

  it('never loses both names in a rename between folders', async () => {
    const states = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) {
      const { random, disk, io, run } = machine(seed);
      await run(
        (async () => {
          await io.makeFolder('/a/from');
          await io.makeFolder('/a/to');
          await (await writeFile(io, '/a/from/f', 'one')).sync();
          for (const folder of ['/a/from', '/a/to', '/a']) await io.syncFolder(folder);
          await io.rename('/a/from/f', '/a/to/f');
        })(),
      );
      disk.loseMemory(random);
      states.add(
        disk
          .files()
          .map(({ path }) => path)
          .join(' '),
      );
    }
    assert.deepEqual([...states].sort(), ['/from/f', '/from/f /to/f', '/to/f']);
  });

  it('drops dirty pages after a failed fsync, shows them until the memory is gone, and never writes them', async () => {
    const { random, disk, io, run } = machine();
    const file = await run(writeFile(io, '/a/f', 'new'));
    await run(io.syncFolder('/a'));
    disk.plan({ operation: 'sync', kind: 'EIO', after: 0, sticky: false });
    await assert.rejects(run(file.sync()), (error) => hasCode(error, 'NODE_IO'));
    await run(file.sync());
    assert.equal((await run(io.readWhole('/a/f', 10))).toString(), 'new');
    disk.loseMemory(random);
    assert.equal((await run(io.readWhole('/a/f', 10))).length, 0);
  });

  it('is an empty folder on another device where it is not plugged in, and what is written there is counted', async () => {
    const { disk, mounts, io, run } = machine();
    const file = await run(writeFile(io, '/a/f', 'one'));
    mounts.unplug('/a');
    assert.equal((await run(io.list('/a'))).length, 0);
    assert.notEqual((await run(io.stat('/a')))!.device, disk.device);
    await assert.rejects(run(file.write([Buffer.from('x')], 0)), (error) => hasCode(error, 'NODE_IO'));
    await assert.rejects(run(io.open('/a/b/c', 'create')), (error) => hasCode(error, 'FILE_MISSING'));
    assert.deepEqual(mounts.bareWrites, []);
    await run(io.open('/a/c', 'create'));
    assert.deepEqual(mounts.bareWrites, ['/a/c']);
    mounts.plug('/a', disk);
    assert.equal((await run(io.readWhole('/a/f', 10))).toString(), 'one');
    await assert.rejects(run(file.sync()), (error) => hasCode(error, 'NODE_IO'));
  });

  it('comes back as it was when a snapshot is put back', async () => {
    const { disk, io, run } = machine();
    const file = await run(writeFile(io, '/a/f', 'one'));
    await run(file.sync());
    await run(io.syncFolder('/a'));
    const before = disk.snapshot();
    await run(file.write([Buffer.from('two')], 0));
    await run(file.sync());
    disk.root = before;
    assert.equal((await run(io.readWhole('/a/f', 10))).toString(), 'one');
  });

  it('is full, read-only or failing as planned', async () => {
    const { disk, io, run } = machine();
    disk.capacityBytes = 2;
    await assert.rejects(run(writeFile(io, '/a/f', 'one')), (error) => hasCode(error, 'NODE_FULL'));
    assert.equal(disk.usedBytes, 2);
    const fault = disk.plan({ operation: 'name', kind: 'EROFS', after: 1, sticky: true });
    await run(io.makeFolder('/a/b'));
    await assert.rejects(run(io.makeFolder('/a/c')), (error) => hasCode(error, 'NODE_READ_ONLY'));
    await assert.rejects(run(io.unlink('/a/f')), (error) => hasCode(error, 'NODE_READ_ONLY'));
    assert.equal(fault.used, 2);
  });
});

describe('the simulated machine', () => {
  it('lets calls in flight together take effect in any order, the same for the same seed', async () => {
    const order = async (seed: number) => {
      const { io, run } = machine(seed);
      const ended: string[] = [];
      const make = (name: string) => io.makeFolder(`/a/${name}`).then(() => ended.push(name));
      await run(Promise.all(['x', 'y', 'z'].map(make)));
      return ended.join('');
    };
    const orders = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) orders.add(await order(seed));
    assert.equal(orders.size, 6);
    assert.equal(await order(3), await order(3));
  });

  it('moves time only when nothing else can run, past calls that hang', async () => {
    const { disk, scheduler, io, run } = machine();
    disk.plan({ operation: 'read', kind: 'hang', after: 0, sticky: false });
    const clock = new SimClock(scheduler);
    const events: string[] = [];
    void io.list('/a').then(() => events.push('hung call'));
    await run(
      Promise.all([
        clock.sleep(1000).then(() => events.push(`slept until ${clock.monotonic()}`)),
        io.list('/a').then(() => events.push(`listed at ${clock.monotonic()}`)),
      ]),
    );
    assert.deepEqual(events, ['listed at 0', 'slept until 1000']);
  });

  it('gives an ended process nothing any more', async () => {
    const { scheduler, io } = machine();
    let isTold = false;
    void io.list('/a').finally(() => {
      isTold = true;
    });
    scheduler.end();
    assert.equal(await scheduler.runUntil(() => isTold), false);
    void io.list('/a').finally(() => {
      isTold = true;
    });
    assert.equal(await scheduler.runUntil(() => isTold), false);
  });
});
