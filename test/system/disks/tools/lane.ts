/**
 * One drive that goes through faults of one disk, one cell after the other: a fault strikes while clients do something,
 * is noticed, is undone, and everything becomes whole by itself. All disks lie in memory: what counts is what is done.
 */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ControlClient } from '../../../../src/cli/control-client.js';
import { systemPlatform } from '../../../../src/core/platform.js';
import type { DriveStatus, NodeStatus } from '../../../../src/drive-status.js';
import { openConnection } from '../../../../src/meta/sqlite/connection.js';
import { SqliteReader } from '../../../../src/meta/sqlite/sqlite-reader.js';
import { mustRun, runCommand } from '../../tools/commands.js';
import { DriveServer, mustHoldfast } from '../../tools/drive-server.js';
import { pause, waitUntil } from '../../tools/wait.js';
import { Workspace } from '../../tools/workspace.js';
import type { Fault } from './faults.js';
import { Load } from './load.js';
import { type DiskKind, diskBytes, makeDisk, type SickDisk } from './sick-disk.js';

export const phases = ['idle', 'GET', 'PUT', 'heal'] as const;
export type Phase = (typeof phases)[number];

export interface CellReport {
  /** Until the node's state showed the fault; undefined where nothing needs to show. */
  readonly noticedMs: number | undefined;
  /** Whether healing was under way when the fault struck. */
  readonly wasHealing: boolean;
  readonly requests: number;
}

/** Whether it is noticed; how soon is told, and shown on a clock of its own in test/node/detection.test.ts. */
const noticeLimitMs = 120_000;
/** What is deleted on the disk, so that making it again takes a while. */
const healedBytes = 4 * 2 ** 20;

export class Lane {
  readonly #workspace: Workspace;
  readonly #disk: SickDisk;
  readonly #directory: string;
  readonly #server: DriveServer;
  readonly #control: ControlClient;
  readonly #load: Load;
  #cells = 0;

  private constructor(workspace: Workspace, disk: SickDisk, directory: string, server: DriveServer) {
    this.#workspace = workspace;
    this.#disk = disk;
    this.#directory = directory;
    this.#server = server;
    this.#control = new ControlClient(systemPlatform.controlAddress(directory));
    this.#load = new Load(server.url);
  }

  /** `replicas` copies on two nodes more: with one lost for good, and another one full, there is room for all copies. */
  static async open(context: TestContext, { kind, replicas }: { kind: DiskKind; replicas: number }): Promise<Lane> {
    const workspace = await Workspace.create(context);
    await mountMemory(workspace, workspace.path, 16 * diskBytes);
    const disk = await makeDisk(workspace, kind, 'node-1');
    const paths = [disk.path];
    for (let number = 2; number <= replicas + 2; number++) {
      const path = await workspace.folder(`node-${number}`);
      await mountMemory(workspace, path, diskBytes);
      paths.push(path);
    }
    const directory = join(workspace.path, 'volume');
    const nodes = paths.flatMap((path) => ['--node', path]);
    await mustHoldfast('init', directory, ...nodes, '--replicas', String(replicas), '--name', 'drive');
    const server = await DriveServer.start(workspace, { directory, args: ['--grace', '0'] });
    // Before anything waits for the server's end: what hangs in the kernel cannot be killed.
    workspace.defer(async () => disk.wake());
    const lane = new Lane(workspace, disk, directory, server);
    // A cell that failed leaves its clients at work.
    workspace.defer(async () => lane.#load.close());
    await lane.#load.saveBase();
    return lane;
  }

  async close(): Promise<void> {
    this.#load.close();
    await this.#server.stop();
  }

  async run(fault: Fault, phase: Phase): Promise<CellReport> {
    try {
      return await this.#run(fault, phase);
    } catch (error) {
      const status = await this.#status().catch(String);
      const said = typeof status === 'string' ? status : JSON.stringify({ ...status, damagedFiles: undefined });
      throw new Error(`${(error as Error).message}\n${said}\n${this.#server.logTail()}`, { cause: error });
    }
  }

  async #run(fault: Fault, phase: Phase): Promise<CellReport> {
    const aside = await this.#workspace.folder(`aside-${++this.#cells}`);
    const place = {
      disk: this.#disk,
      directory: this.#directory,
      aside,
      otherNode: join(this.#workspace.path, 'node-2'),
    };
    const wasHealing = await this.#begin(phase);
    const before = await this.#stateSince();
    await fault.make(place);
    const struckAt = performance.now();
    const found = fault.isElsewhere ? await listing(this.#disk.path) : [];
    const noticedMs = await this.#notice(fault, { struckAt, before });
    if (noticedMs === undefined) await pause(1_500);
    if (phase === 'idle') await this.#load.saveSome();
    await this.#load.verify();
    if (fault.isLoss)
      await this.#until('all copies are made again elsewhere', ({ segments }) => segments.degraded === 0);
    const requests = await this.#load.stop();
    assert.notEqual((await this.#status()).health, 'damaged');
    if (fault.isElsewhere) assert.deepEqual(await listing(this.#disk.path), found, 'something was written there');
    await fault.undo(place);
    await this.#until('whole again', isWhole);
    await this.#load.verify();
    await this.#mustBecomeSound();
    await rm(aside, { recursive: true, force: true });
    return { noticedMs, wasHealing, requests };
  }

  /** A file that was deleted on a slow disk may be missed by no listing yet; that is healed too, and nothing is ever found. */
  async #mustBecomeSound(): Promise<void> {
    let last: readonly string[] = [];
    const isSound = async () => {
      const { findings, degraded } = await this.#control.call('check', {});
      assert.deepEqual(findings, []);
      last = degraded;
      return degraded.length === 0;
    };
    await waitUntil('check finds every copy', isSound, { timeoutMs: 300_000, describe: () => last.join('; ') });
  }

  /** Whether healing is under way when it returns. */
  async #begin(phase: Phase): Promise<boolean> {
    if (phase === 'GET') this.#load.start({ reading: 2 });
    if (phase === 'PUT') this.#load.start({ saving: 2 });
    if (phase === 'idle') return false;
    if (phase !== 'heal') {
      await pause(250);
      return false;
    }
    let wasHealing = await this.#makeHeal();
    for (let times = 1; times < 10 && !wasHealing; times++) {
      await this.#load.stop();
      wasHealing = await this.#makeHeal();
    }
    return wasHealing;
  }

  /** False when it was over before it was seen, or when the cleaner had just emptied these segments: nothing to heal. */
  async #makeHeal(): Promise<boolean> {
    const { ids, paths } = await this.#segmentsOnDisk();
    const { healedSegments } = (await this.#status()).healing;
    for (const path of paths) await rm(path, { force: true });
    const isHeld = async () => (await this.#heldSegments()).held.some(({ id }) => ids.has(id));
    // Requests make healing rest, so that it lasts.
    this.#load.start({ reading: 2 });
    let wasHealing = false;
    let looks = 0;
    await waitUntil(
      'healing begins',
      async () => {
        const { healing } = await this.#status();
        wasHealing = healing.active;
        looks += 1;
        return wasHealing || healing.healedSegments > healedSegments || (looks % 100 === 0 && !(await isHeld()));
      },
      { timeoutMs: 300_000, intervalMs: 5 },
    );
    return wasHealing;
  }

  /** Sealed segments on the disk, enough of them to be healed for a while; every other copy of them is good. */
  async #segmentsOnDisk(): Promise<{ readonly ids: ReadonlySet<string>; readonly paths: readonly string[] }> {
    for (let round = 0; ; round++) {
      const { node, held } = await this.#heldSegments();
      const bytes = held.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
      if (bytes >= healedBytes) {
        const folder = join(this.#disk.path, `holdfast-${node}`, 'segments');
        const ids = new Set<string>(held.map(({ id }) => id));
        const names = (await readdir(folder)).filter((name) => ids.has(name.replace(/\.seg$/, '')));
        return { ids, paths: names.map((name) => join(folder, name)) };
      }
      assert.ok(round < 200, `only ${bytes} bytes on the disk after ${round} large files`);
      // A disk that was full gets its share when its space is measured the next time.
      if (round > 6) await pause(500);
      await this.#load.saveLarge();
    }
  }

  /** By the index. */
  async #heldSegments() {
    const node = this.#nodeOf(await this.#status()).id;
    const connection = openConnection({
      file: join(this.#directory, 'index.db'),
      role: 'reader',
      durability: 'normal',
    });
    const rows = new SqliteReader(connection).segments('', 10_000);
    connection.close();
    const isHeld = ({ state, replicas }: (typeof rows)[number]) =>
      state === 'sealed' && replicas.some((replica) => replica.node === node);
    return { node, held: rows.filter(isHeld) };
  }

  async #notice(fault: Fault, { struckAt, before }: { struckAt: number; before: number }): Promise<number | undefined> {
    if (fault.seen.length === 0) return undefined;
    let last: NodeStatus | undefined;
    await waitUntil(
      `the fault is noticed: ${fault.name}`,
      async () => {
        last = this.#nodeOf(await this.#status());
        return fault.seen.includes(last.state) && last.since >= before;
      },
      { timeoutMs: noticeLimitMs, intervalMs: 50, describe: () => JSON.stringify(last) },
    );
    return performance.now() - struckAt;
  }

  async #stateSince(): Promise<number> {
    return this.#nodeOf(await this.#status()).since;
  }

  #nodeOf(status: DriveStatus): NodeStatus {
    const node = status.nodes.find(({ path, role }) => path === this.#disk.path && role !== 'retired');
    assert.ok(node, 'the node is in the status');
    return node;
  }

  #status(): Promise<DriveStatus> {
    return this.#control.call('status', {});
  }

  async #until(what: string, isSo: (status: DriveStatus) => boolean): Promise<void> {
    await waitUntil(what, async () => isSo(await this.#status()), { timeoutMs: 300_000, intervalMs: 250 });
  }
}

function isWhole({ health, nodes, segments, healing }: DriveStatus): boolean {
  const isCurrent = nodes.every(
    ({ state, behind, role }) => role === 'retired' || (state === 'online' && behind === 0),
  );
  return health === 'good' && segments.degraded === 0 && healing.queuedSegments === 0 && isCurrent;
}

/** Everything below, with sizes. */
async function listing(path: string): Promise<string[]> {
  const { stdout } = await runCommand('find', [path, '-printf', '%P %s %y\n']);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** So that what counts is what is done, not how fast a disk is. */
export async function mountMemory(workspace: Workspace, path: string, sizeBytes: number): Promise<void> {
  await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755`, 'tmpfs', path]);
  workspace.defer(async () => void (await runCommand('umount', ['-l', path])));
}
