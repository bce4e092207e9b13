/**
 * A node's disk falls ill under running reads and writes: no request fails while another copy is there, no byte is
 * wrong, the drive ends when it is asked to, and with the disk well again everything becomes whole.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun } from '../tools/commands.js';
import { DavClient } from '../tools/dav-client.js';
import {
  DriveServer,
  driveStatus,
  mustBeSound,
  mustHoldfast,
  nodeState,
  waitUntilWhole,
} from '../tools/drive-server.js';
import { LoopDisk } from '../tools/loop-disk.js';
import { GiB, KiB, loopDiskTools, MiB, missing } from '../tools/requirements.js';
import { Chance, contentOf, runSeed } from '../tools/seeded.js';
import { pause, waitUntil } from '../tools/wait.js';
import { Workspace } from '../tools/workspace.js';
import { FaultyDisk } from './tools/faulty-disk.js';
import { storageDaemonTools } from './tools/storage-daemon.js';

const options = {
  skip: missing({
    tools: [...loopDiskTools, ...storageDaemonTools, 'e2fsck', 'sysctl'],
    root: true,
    fuse: true,
    freeBytes: GiB,
  }),
  timeout: 600_000,
};
const seed = runSeed();
const sickMs = 4_000;
/** Of files that are saved and of files that are read, while the disk is sick. */
const leastRequests = 12;
/** For so many; on a quiet machine they take seconds. */
const patienceMs = 180_000;

const illnesses = ['no-writes', 'no-reads', 'no-flushes', 'dead', 'slow', 'hung', 'killed'] as const;

for (const illness of illnesses) {
  test(`a disk that is ${illness} costs no request and no byte`, options, async (context) => {
    const workspace = await Workspace.create(context);
    const sick = await FaultyDisk.create(workspace, 'node-1');
    const { directory, server, load } = await begin(workspace);
    try {
      await load.save(10);
      load.start();
      await load.goOn(5);
      await sick.fall(illness);
      // What the system remembers would be read well from a disk that cannot be read.
      if (illness === 'no-reads') await mustRun('sysctl', ['-q', 'vm.drop_caches=3']);
      await Promise.all([pause(sickMs), load.goOn(leastRequests)]);
      // A disk that fails each write and flush must be seen; one that crawls, or fails reads that nobody makes, need not.
      if (!['slow', 'no-reads'].includes(illness)) {
        await waitUntil('the sick disk is noticed', async () => (await nodeState(directory, sick.path)) !== 'online');
      }
      const status = await driveStatus(directory);
      assert.notEqual(status.health, 'damaged');
      await load.stop();
      assert.deepEqual(load.failures, [], `HOLDFAST_SEED=${seed}\n${server.logTail()}`);
      if (illness !== 'hung') await server.stop();
    } finally {
      sick.wake();
    }
    // A call that hangs in the kernel holds its process; the disk answers again, late.
    if (illness === 'hung') await server.stop();
    await sick.replaceCable();
    await mustBecomeWhole(workspace, directory, load);
  });
}

async function begin(workspace: Workspace) {
  const disks: string[] = [];
  for (const name of ['index', 'node-2', 'node-3']) {
    disks.push((await LoopDisk.create(workspace, name, 256 * MiB)).path);
  }
  const directory = join(workspace.path, 'index', 'volume');
  const nodes = ['node-1', 'node-2', 'node-3'].flatMap((name) => ['--node', join(workspace.path, name)]);
  await mustHoldfast('init', directory, ...nodes, '--replicas', '2', '--name', 'drive');
  const server = await DriveServer.start(workspace, { directory });
  return { directory, server, load: new Load(server.url) };
}

async function mustBecomeWhole(workspace: Workspace, directory: string, load: Load): Promise<void> {
  const server = await DriveServer.start(workspace, { directory });
  await load.verify(server.url);
  await waitUntilWhole(directory);
  await load.verify(server.url);
  await mustBeSound(directory);
  await server.stop();
}

/** Two clients: one saves new files, one reads what was saved. */
class Load {
  readonly failures: string[] = [];
  readonly #chance = new Chance(seed);
  readonly #url: string;
  readonly #files: { readonly name: string; readonly sizeBytes: number }[] = [];
  #filesRead = 0;
  #isRunning = false;
  #clients: Promise<void>[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  async save(count: number): Promise<void> {
    const dav = new DavClient(this.#url);
    for (let left = count; left > 0; left--) await this.#saveOne(dav);
    dav.close();
  }

  start(): void {
    this.#isRunning = true;
    this.#clients = [this.#repeat((dav) => this.#saveOne(dav)), this.#repeat((dav) => this.#readOne(dav))];
  }

  /** Returns when so many requests more of each client have been answered well, or one has failed. */
  async goOn(requests: number): Promise<void> {
    const saved = this.#files.length + requests;
    const read = this.#filesRead + requests;
    await waitUntil(
      `${saved} files are saved and ${read} read`,
      async () => this.failures.length > 0 || (this.#files.length >= saved && this.#filesRead >= read),
      { timeoutMs: patienceMs, describe: () => `${this.#files.length} and ${this.#filesRead}` },
    );
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#clients);
  }

  async verify(url: string): Promise<void> {
    const dav = new DavClient(url);
    for (const { name, sizeBytes } of this.#files) {
      assert.ok((await dav.get(name))?.equals(contentOf(name, sizeBytes)), `${name} is wrong or absent`);
    }
    dav.close();
  }

  async #repeat(work: (dav: DavClient) => Promise<void>): Promise<void> {
    const dav = new DavClient(this.#url);
    while (this.#isRunning) {
      await work(dav).catch((error: Error) => this.failures.push(error.message));
      // Room on the disks, and turns for the other client.
      await pause(20);
    }
    dav.close();
  }

  async #saveOne(dav: DavClient): Promise<void> {
    const name = `file ${this.#files.length + this.failures.length}`;
    const sizeBytes = this.#chance.next() < 0.1 ? MiB + 1 : this.#chance.between(1, 100 * KiB);
    const { status } = await dav.send('PUT', name, { body: contentOf(name, sizeBytes) });
    if (status === 201) this.#files.push({ name, sizeBytes });
    else this.failures.push(`PUT ${name} is answered with ${status}`);
  }

  async #readOne(dav: DavClient): Promise<void> {
    const { name, sizeBytes } = this.#chance.pick(this.#files);
    const { status, body } = await dav.send('GET', name);
    if (status !== 200) this.failures.push(`GET ${name} is answered with ${status}`);
    else if (!body.equals(contentOf(name, sizeBytes))) this.failures.push(`GET ${name} gives wrong bytes`);
    else this.#filesRead += 1;
  }
}
