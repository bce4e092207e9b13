/**
 * What a sick disk costs those who do not need it: `node dist/bench/disks/sick-disk.js [ROUNDS]`, as root on Linux with
 * qemu-storage-daemon. GETs of files that lie on healthy nodes alone, by two clients, while another node is well and
 * while it hangs, crawls or fails; and GETs of files that may lie on it too. Ratios of one run are what counts.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { FaultyDisk } from '../../test/system/blocks/tools/faulty-disk.js';
import { LoopDisk } from '../../test/system/tools/loop-disk.js';
import { dropCaches, Workspace } from '../../test/system/tools/workspace.js';
import type { Connection } from '../client/connection.js';
import { median, percentile } from '../figures.js';
import { BenchDrive, isWhole } from './bench-drive.js';

const diskBytes = 256 * 1024 * 1024;
/** Longer than what is kept in the server's memory, so that each GET goes to a node. */
const fileBytes = 512 * 1024;
const files = 60;
const windowMs = 6_000;
const illnesses = ['hung', 'slow', 'dead'] as const;
const healthyNames = Array.from({ length: files }, (_, index) => `healthy-${index}`);
const sharedNames = Array.from({ length: files }, (_, index) => `shared-${index}`);

async function main(): Promise<void> {
  const rounds = Number(process.argv[2] ?? 3);
  const cleanUps: (() => Promise<void>)[] = [];
  const workspace = await Workspace.create({
    after: (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp),
  } as never);
  try {
    const sick = await FaultyDisk.create(workspace, 'sick');
    const sickNode = join(sick.path, 'node');
    const healthy: string[] = [];
    for (const name of ['one', 'two', 'three']) healthy.push((await LoopDisk.create(workspace, name, diskBytes)).path);
    // In folders of their own, which can be moved away.
    const nodes = [sickNode, ...healthy];
    const drive = await BenchDrive.start(workspace.path, nodes);
    workspace.defer(() => drive.stop());
    await rename(sickNode, `${sickNode}-away`);
    await drive.until('the disk is away', (status) => status.nodes.some(({ state }) => state === 'offline'));
    await drive.save(healthyNames, fileBytes);
    await rename(`${sickNode}-away`, sickNode);
    await drive.until('whole', isWhole);
    await drive.save(sharedNames, fileBytes);
    const results: Record<string, { healthy: number[]; shared: number[] }> = {};
    for (let round = 0; round < rounds; round += 1) {
      for (const illness of illnesses) {
        await dropCaches();
        const well = await bothP99(drive);
        // Else the system would read from a disk that hangs what it remembers.
        await dropCaches();
        await sick.fall(illness);
        const ill = await bothP99(drive);
        sick.wake();
        if (illness === 'dead') await sick.replug();
        else if (illness === 'slow') await sick.fall('well');
        await drive.until('whole', isWhole);
        const own = results[illness] ?? { healthy: [], shared: [] };
        results[illness] = own;
        own.healthy.push(ill.healthy / well.healthy);
        own.shared.push(ill.shared / well.shared);
        process.stderr.write(`${illness}: ${JSON.stringify({ well, ill })}\n`);
      }
    }
    const medians = Object.entries(results).map(([illness, { healthy: free, shared }]) => [
      illness,
      { 'p99 of GETs that need no sick disk, ill / well': median(free), 'of GETs that might': median(shared) },
    ]);
    process.stdout.write(`${JSON.stringify({ rounds, ...Object.fromEntries(medians) }, null, 1)}\n`);
    drive[Symbol.dispose]();
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

/** Both at once: those who need a sick disk are what might hold up the others. */
async function bothP99(drive: BenchDrive) {
  const connections = drive.target.connections(4);
  const [healthy, shared] = await Promise.all([
    p99Of(drive, connections.slice(0, 2), healthyNames),
    p99Of(drive, connections.slice(2), sharedNames),
  ]);
  return { healthy, shared };
}

async function p99Of({ target }: BenchDrive, connections: readonly Connection[], names: readonly string[]) {
  const until = performance.now() + windowMs;
  const took = await Promise.all(
    connections.map(async (on) => {
      const own: number[] = [];
      while (performance.now() < until) {
        const path = target.path(names[Math.floor(Math.random() * names.length)]!);
        own.push((await target.must({ method: 'GET', path }, { on, status: 200 })).totalMs);
      }
      return own;
    }),
  );
  return percentile(took.flat(), 0.99);
}

await main();
