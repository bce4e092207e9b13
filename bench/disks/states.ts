/**
 * What clients feel while the drive is not at its best: `node dist/bench/disks/states.js [MIB] [ROUNDS] [FOLDER]`. The same
 * work in each state, in rounds: all is well, a node is gone, what it held is copied again, all copies are read by the
 * scrub. The ratio is taken to the well drive of the same round; medians of the rounds are printed.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from '../client/connection.js';
import { uniqueBuffer } from '../client/unique-bytes.js';
import { median, percentile } from '../figures.js';
import { BenchDrive, isWhole } from './bench-drive.js';

const MiB = 1024 * 1024;
const smallNames = Array.from({ length: 400 }, (_, index) => `small-${index}`);
const smallBytes = 4096;
const rangeBytes = 64 * 1024;
const clients = 4;
const windowMs = 1_500;

type State = 'well' | 'gone' | 'healing' | 'scrubbing';
type Request = (drive: BenchDrive, on: Connection, partBytes: number) => Promise<{ readonly totalMs: number }>;

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;

const work: Readonly<Record<string, Request>> = {
  'GET of 4 KiB': ({ target }, on) =>
    target.must({ method: 'GET', path: target.path(pick(smallNames)) }, { on, status: 200 }),
  'PUT of 4 KiB': ({ target }, on) =>
    target.must({ method: 'PUT', path: target.path(pick(smallNames)), body: uniqueBuffer(smallBytes) }, { on }),
  'random 64 KiB ranges': ({ target }, on, partBytes) => {
    const start = Math.floor(Math.random() * (partBytes - rangeBytes));
    const headers = { Range: `bytes=${start}-${start + rangeBytes - 1}` };
    return target.must(
      { method: 'GET', path: target.path(`large-${pick([0, 1, 2, 3])}`), headers },
      { on, status: 206 },
    );
  },
};

async function main(): Promise<void> {
  const [mebibytes = 4096, rounds = 3] = process.argv.slice(2, 4).map(Number);
  const folder = await mkdtemp(join(process.argv[4] ?? tmpdir(), 'holdfast-states-'));
  const nodes = ['one', 'two', 'three'].map((name) => join(folder, name));
  const drive = await BenchDrive.start(folder, nodes);
  const partBytes = (mebibytes / 4) * MiB;
  try {
    for (let part = 0; part < 4; part += 1) await drive.saveLarge(`large-${part}`, partBytes);
    await drive.save(smallNames, smallBytes);
    const ratios = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      const { well, ...ill } = await visitStates(drive, nodes[round % nodes.length]!, partBytes);
      for (const [state, measured] of Object.entries(ill)) compare(ratios, state, well, measured);
      process.stderr.write(`${JSON.stringify({ round, well, ...ill })}\n`);
    }
    const medians = [...ratios].map(([name, values]) => [name, Number(median(values).toFixed(2))]);
    process.stdout.write(`${JSON.stringify({ mebibytes, rounds, ...Object.fromEntries(medians) }, null, 1)}\n`);
  } finally {
    drive[Symbol.dispose]();
    await drive.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

type Measured = Readonly<Record<string, { perSecond: number; p50Ms: number; p99Ms: number; stallMs: number }>>;

async function visitStates(drive: BenchDrive, node: string, partBytes: number): Promise<Record<State, Measured>> {
  const well = await measure(drive, partBytes);
  await rename(node, `${node}-pulled`);
  await drive.until('healing begins', ({ healing }) => healing.active);
  const healing = await measure(drive, partBytes);
  if (!(await drive.status()).healing.active) process.stderr.write('healing ended too soon: more MIB are needed\n');
  await drive.until('healed', (status) => status.segments.degraded === 0 && !status.healing.active);
  const gone = await measure(drive, partBytes);
  await rename(`${node}-pulled`, node);
  await drive.until('whole', isWhole);
  const stop = new AbortController();
  const scrub = drive.scrub(stop.signal);
  const scrubbing = await measure(drive, partBytes);
  stop.abort();
  await scrub;
  return { well, gone, healing, scrubbing };
}

function compare(ratios: Map<string, number[]>, state: string, well: Measured, measured: Measured): void {
  for (const [name, { perSecond, p50Ms, p99Ms }] of Object.entries(measured)) {
    const before = well[name]!;
    note(ratios, `${name}, ${state}: rate`, perSecond / before.perSecond);
    note(ratios, `${name}, ${state}: p50`, p50Ms / before.p50Ms);
    note(ratios, `${name}, ${state}: p99`, p99Ms / before.p99Ms);
  }
}

async function measure(drive: BenchDrive, partBytes: number): Promise<Measured> {
  const measured: Record<string, Measured[string]> = {};
  for (const [name, request] of Object.entries(work)) {
    await drive.target.longestStallMs?.();
    const started = performance.now();
    const took = await Promise.all(
      drive.target.connections(clients).map(async (on) => {
        const own: number[] = [];
        while (performance.now() - started < windowMs) own.push((await request(drive, on, partBytes)).totalMs);
        return own;
      }),
    );
    const all = took.flat();
    measured[name] = {
      perSecond: Math.round((1_000 * all.length) / (performance.now() - started)),
      p50Ms: percentile(all, 0.5),
      p99Ms: percentile(all, 0.99),
      stallMs: (await drive.target.longestStallMs?.()) ?? Number.NaN,
    };
  }
  return measured;
}

function note(ratios: Map<string, number[]>, name: string, value: number): void {
  ratios.set(name, [...(ratios.get(name) ?? []), value]);
}

await main();
