/**
 * The story of the pulled disk, told once for every client: a tree is copied onto the drive and read back; a disk is
 * pulled half way through; the tree is changed while it is away; the disk comes back, and stands in for another one.
 */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type AwayChanges, applyLocally, planAwayChanges } from './away-changes.js';
import { mustRun } from './commands.js';
import { type DriveServer, driveStatus, mustBeSound, nodeState, waitUntilWhole } from './drive-server.js';
import { MemoryMeter } from './memory-meter.js';
import { planTree, realTreeShape, type TreeFile, writeTree } from './real-tree.js';
import { GiB, MiB } from './requirements.js';
import { type LoopVolume, TestVolume } from './test-volume.js';
import { waitUntil } from './wait.js';
import { Workspace } from './workspace.js';

/** A client program. Each method fails when the client reports any error. */
export interface TreeClient {
  copyIn(tree: string): Promise<void>;
  /** Applies the changes to the drive; `tree` is the local tree with the changes made already. */
  change(tree: string, changes: AwayChanges): Promise<void>;
  /** Every byte on the drive against the local tree, asking the server anew. */
  compare(tree: string): Promise<void>;
  /** All names and sizes, and every byte of these files. */
  compareSome(tree: string, files: readonly TreeFile[]): Promise<void>;
  close(): Promise<void>;
}

export async function surviveAPulledDisk(
  context: TestContext,
  open: (workspace: Workspace, url: string) => Promise<TreeClient>,
): Promise<void> {
  const workspace = await Workspace.create(context);
  const tree = await workspace.folder('tree');
  const files = planTree(1);
  await writeTree(tree, files);
  const loops = await TestVolume.onLoopDisks(workspace, { nodeBytes: 3 * GiB, indexBytes: GiB });
  const server = await loops.volume.serve();
  using meter = new MemoryMeter(server.pid, 2_000);
  const client = await open(workspace, server.url);
  const timed = async (what: string, work: () => Promise<void>): Promise<void> => {
    const started = performance.now();
    await work();
    context.diagnostic(`${what}: ${Math.round((performance.now() - started) / 1000)} s`);
  };

  await timed('copy in', () => client.copyIn(tree));
  await timed('read back while a disk is pulled', () => pullWhileReading(loops, server, () => client.compare(tree)));

  const changes = planAwayChanges(1, files);
  await applyLocally(tree, changes);
  await timed('change', () => client.change(tree, changes));
  // The others are read when all is whole again.
  await client.compareSome(tree, [...changes.added, ...changes.overwritten]);
  assert.equal(server.isRunning, true);

  await timed('made whole', () => giveBack(loops));
  await readWithoutAnother(loops, () => client.compare(tree));
  await client.close();
  const { failovers } = (await driveStatus(loops.volume.directory)).reads;
  context.diagnostic(`peak PSS of the server: ${Math.round(meter.peakBytes / MiB)} MiB`);
  await server.stop();
  assert.ok(failovers > 0, 'no failover read was counted');
}

/** Pulled when the server has sent about half of the tree. */
async function pullWhileReading(loops: LoopVolume, server: DriveServer, read: () => Promise<void>): Promise<void> {
  const halfBytes = server.writtenBytes + realTreeShape.totalBytes / 2;
  let done = false;
  const reading = read().finally(() => {
    done = true;
  });
  reading.catch(() => {});
  const isHalf = async () => done || server.writtenBytes >= halfBytes;
  await waitUntil('half of the tree is read', isHalf, { timeoutMs: 900_000, intervalMs: 50 });
  assert.equal(done, false, 'the reading ended before the disk was pulled: nothing is shown');
  await loops.nodes[1]!.unmountLazily();
  await reading;
  const isOffline = async () => (await nodeState(loops.volume.directory, loops.nodes[1]!.path)) === 'offline';
  await waitUntil('the pulled disk is known to be away', isOffline);
}

async function giveBack({ volume, nodes }: LoopVolume): Promise<void> {
  const pulled = nodes[1]!;
  assert.deepEqual(await readdir(pulled.path), [], 'something was written into the bare mount point');
  assert.equal((await mustRun('du', ['-s', '--inodes', pulled.path])).split('\t')[0], '1');
  await pulled.mount();
  await waitUntilWhole(volume.directory);
  await mustBeSound(volume.directory);
}

/** The disk that came back is worth something only if it can stand in for another one. */
async function readWithoutAnother({ volume, nodes }: LoopVolume, read: () => Promise<void>): Promise<void> {
  await nodes[0]!.unmountLazily();
  await read();
  await nodes[0]!.mount();
  await waitUntilWhole(volume.directory);
  await mustBeSound(volume.directory);
}

/** Names in a folder of the drive that the client made for files it could not send. */
export const leftovers = (mountPath: string): Promise<string[]> =>
  readdir(join(mountPath, 'lost+found')).catch(() => []);
