/**
 * What healing does at most and what clients feel of it: `node dist/bench/disks/healing.js [MIB] [ROUNDS] [FOLDER]`.
 * In each round a node's folder is taken away and everything that it held is copied again; before it the same number of
 * bytes is copied plainly between the same folders, with one fsync a file. Then the same once more beside clients.
 */
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../figures.js';
import { BenchDrive, isWhole } from './bench-drive.js';

const MiB = 1024 * 1024;
const smallNames = Array.from({ length: 400 }, (_, index) => `small-${index}`);
const smallBytes = 4096;
const clients = 2;
const idleMs = 4_000;

async function main(): Promise<void> {
  const [mebibytes = 1024, rounds = 3] = process.argv.slice(2, 4).map(Number);
  const folder = await mkdtemp(join(process.argv[4] ?? tmpdir(), 'holdfast-healing-'));
  const nodes = ['one', 'two', 'three'].map((name) => join(folder, name));
  const drive = await BenchDrive.start(folder, nodes);
  try {
    for (let part = 0; part < 8; part += 1) await drive.saveLarge(`large-${part}`, (mebibytes / 8) * MiB);
    await drive.save(smallNames, smallBytes);
    await read(drive, 1_000);
    const results = { share: [] as number[], p99: [] as number[], busyShare: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      const quiet = nodes[(2 * round) % nodes.length]!;
      const plain = await plainCopy(await segmentsOf(quiet), nodes[(2 * round + 1) % nodes.length]!);
      const healed = await heal(drive, quiet, async () => undefined);
      const idle = await read(drive, idleMs);
      let busy = { p99Ms: Number.NaN };
      const beside = await heal(drive, nodes[(2 * round + 1) % nodes.length]!, async (isHealing) => {
        busy = await readWhile(drive, isHealing);
      });
      results.share.push(healed / plain);
      results.p99.push(busy.p99Ms / idle.p99Ms);
      results.busyShare.push(beside / plain);
      process.stderr.write(
        `round ${round + 1}: plain copy ${plain.toFixed(0)} MiB/s, healing ${healed.toFixed(0)} MiB/s, beside clients ${beside.toFixed(0)} MiB/s; ` +
          `p99 of GETs ${idle.p99Ms.toFixed(1)} ms idle, ${busy.p99Ms.toFixed(1)} ms while healing\n`,
      );
    }
    const medians = Object.fromEntries(Object.entries(results).map(([name, values]) => [name, median(values)]));
    process.stdout.write(`${JSON.stringify({ mebibytes, rounds, ...medians })}\n`);
  } finally {
    drive[Symbol.dispose]();
    await drive.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** MiB a second, as the log tells it, once everything is healed. The node is back and all is whole at the end. */
async function heal(
  drive: BenchDrive,
  node: string,
  meanwhile: (isHealing: () => boolean) => Promise<void>,
): Promise<number> {
  await rename(node, `${node}-pulled`);
  let isHealing = true;
  await drive.until('healing begins', ({ healing }) => healing.active);
  const beside = meanwhile(() => isHealing);
  await drive.until('healed', ({ segments, healing }) => segments.degraded === 0 && !healing.active);
  isHealing = false;
  await beside;
  const told = await ended(drive);
  await rename(`${node}-pulled`, node);
  await drive.until('whole', isWhole);
  return told;
}

async function ended(drive: BenchDrive): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const match = await drive.lastEvent(/^healing ends: .* ([\d.]+) MiB in ([\d.]+) s/);
  return Number(match?.[1]) / Number(match?.[2]);
}

const read = (drive: BenchDrive, durationMs: number) => {
  const until = performance.now() + durationMs;
  return readWhile(drive, () => performance.now() < until);
};

/** GETs of small files by some clients. */
async function readWhile({ target }: BenchDrive, isOn: () => boolean) {
  const took = await Promise.all(
    target.connections(clients).map(async (on) => {
      const own: number[] = [];
      while (isOn()) {
        const path = target.path(smallNames[Math.floor(Math.random() * smallNames.length)]!);
        own.push((await target.must({ method: 'GET', path }, { on, status: 200 })).totalMs);
      }
      return own;
    }),
  );
  const sorted = took.flat().sort((a, b) => a - b);
  return { p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN };
}

async function segmentsOf(node: string): Promise<string[]> {
  const root = (await readdir(node)).find((name) => /^holdfast-[0-9a-f]{16}$/.test(name))!;
  const segments = join(node, root, 'segments');
  return (await readdir(segments)).map((name) => join(segments, name));
}

/** MiB a second. */
async function plainCopy(files: readonly string[], node: string): Promise<number> {
  const folder = join(node, 'plain');
  await mkdir(folder);
  const buffer = Buffer.alloc(MiB);
  const started = performance.now();
  let bytes = 0;
  for (const [index, path] of files.entries()) {
    const [from, to] = [await open(path, 'r'), await open(join(folder, String(index)), 'w')];
    for (let bytesRead = MiB; bytesRead > 0; bytes += bytesRead) {
      ({ bytesRead } = await from.read(buffer, 0, MiB));
      await to.write(buffer, 0, bytesRead);
    }
    await to.sync();
    await Promise.all([from.close(), to.close()]);
  }
  const seconds = (performance.now() - started) / 1000;
  await rm(folder, { recursive: true });
  return bytes / MiB / seconds;
}

await main();
