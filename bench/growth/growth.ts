/**
 * What a volume costs as it grows: `node dist/bench/growth/growth.js [--files 10000,100000,1000000] [--dir FOLDER] [--json]`.
 * One volume is filled over HTTP step by step, with files of 512 bytes, all different, a hundred in a folder. At each size it
 * is stopped and started, killed and started, and its index is rebuilt from the nodes; then four clients ask and change it, once the
 * server has done what it does after an opening: half a minute later it reads its index and histories whole.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runClients, shareOut } from '../client/clients.js';
import type { Connection } from '../client/connection.js';
import { comesToRest, UsageMeter } from '../client/process-usage.js';
import type { Target } from '../client/target.js';
import { uniqueBuffer } from '../client/unique-bytes.js';
import { BenchDrive, holdfast } from '../disks/bench-drive.js';
import { formatValue } from '../report.js';

const MiB = 1024 * 1024;
const fileBytes = 512;
const filesPerFolder = 100;
const fillers = 16;
const clients = 4;
/** Longer at first: a server that was just started runs code that is not compiled yet. */
const warmUpMs = 3_000;
const turnMs = 2_000;
const untilItReadsMs = 35_000;
const rest = { sampleMs: 3_000, limitMs: 20 * 60_000 };

/** By what is measured; lower is better. */
type Row = Readonly<Record<string, number>>;
type Request = (on: Connection, turn: number) => Promise<unknown>;

class Tree {
  files = 0;

  path(file: number): string {
    return `${this.folder(Math.floor(file / filesPerFolder))}file-number-${file}.jpg`;
  }

  folder(folder: number): string {
    return `folder-${folder}/`;
  }

  anyFile(): string {
    return this.path(Math.floor(Math.random() * this.files));
  }

  anyFolder(): string {
    return this.folder(Math.floor((Math.random() * this.files) / filesPerFolder));
  }

  async fill(target: Target, files: number): Promise<void> {
    const on = target.connections(fillers);
    const firstFolder = this.files / filesPerFolder;
    await shareOut(on, files / filesPerFolder - firstFolder, (connection, folder) =>
      target.must({ method: 'MKCOL', path: target.path(this.folder(firstFolder + folder)) }, { on: connection }),
    );
    const first = this.files;
    await shareOut(on, files - first, (connection, file) => {
      const path = target.path(this.path(first + file));
      return target.must({ method: 'PUT', path, body: uniqueBuffer(fileBytes) }, { on: connection, status: 201 });
    });
    this.files = files;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      files: { type: 'string', default: '10000,100000,1000000' },
      dir: { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
    },
  });
  const sizes = values.files.split(',').map(Number);
  if (!sizes.every((size, index) => size % filesPerFolder === 0 && size > (sizes[index - 1] ?? 0))) {
    throw new Error(`--files wants rising multiples of ${filesPerFolder}`);
  }
  const folder = await mkdtemp(join(values.dir, 'holdfast-growth-'));
  const rows: Row[] = [];
  const tree = new Tree();
  let drive = await BenchDrive.start(
    folder,
    ['one', 'two', 'three'].map((name) => join(folder, name)),
  );
  try {
    for (const files of sizes) {
      process.stderr.write(`${files} files\n`);
      const filling = await timed(() => tree.fill(drive.target, files));
      const restarted = await restart(drive, join(folder, 'volume'));
      drive = restarted.drive;
      await new Promise((resolve) => setTimeout(resolve, untilItReadsMs));
      if (!(await comesToRest(drive.target.processId, rest))) throw new Error('the server does not come to rest');
      rows.push({ files, 'filling, s': filling / 1_000, ...restarted.row, ...(await measure(drive.target, tree)) });
    }
  } finally {
    drive[Symbol.dispose]();
    await drive.stop();
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : table(rows));
}

/** Stops, rebuilds, starts, kills and starts. */
async function restart(drive: BenchDrive, directory: string): Promise<{ drive: BenchDrive; row: Row }> {
  const index = join(directory, 'index.db');
  let running = drive;
  const start = () =>
    timed(async () => {
      running = await BenchDrive.serve(directory);
    });
  const end = async (how: 'stop' | 'kill') => {
    running[Symbol.dispose]();
    return timed(() => running[how]());
  };
  const stopping = await end('stop');
  const indexBytes = (await stat(index)).size;
  const starting = await start();
  await end('kill');
  const startingKilled = await start();
  await end('stop');
  await rm(index);
  const rebuilding = await timed(() => holdfast(['rebuild', directory]));
  await start();
  const row = {
    'stop, s': stopping / 1_000,
    'start after a stop, s': starting / 1_000,
    'start after a kill, s': startingKilled / 1_000,
    'rebuild, s': rebuilding / 1_000,
    'index, MiB': indexBytes / MiB,
  };
  return { drive: running, row };
}

async function measure(target: Target, tree: Tree): Promise<Row> {
  using memory = new UsageMeter(target.processId, { isMemoryWatched: true });
  const row: Record<string, number> = {};
  const extra = target.path(`${target.freshName('extra')}/`);
  await target.must({ method: 'MKCOL', path: extra });
  const propfind = (name: string, depth: string) => ({
    method: 'PROPFIND',
    path: target.path(name),
    headers: { Depth: depth },
  });
  const own: string[] = [];
  const requests: Readonly<Record<string, Request>> = {
    'PROPFIND of a file': (on) => target.must(propfind(tree.anyFile(), '0'), { on, status: 207 }),
    'listing of 100': (on) => target.must(propfind(tree.anyFolder(), '1'), { on, status: 207 }),
    'GET of 512 B': (on) => target.must({ method: 'GET', path: target.path(tree.anyFile()) }, { on, status: 200 }),
    MKCOL: (on, turn) => target.must({ method: 'MKCOL', path: `${extra}${turn}/` }, { on, status: 201 }),
    'PUT of 512 B': async (on, turn) => {
      const path = target.path(`${tree.anyFolder()}new-${turn}`);
      await target.must({ method: 'PUT', path, body: uniqueBuffer(fileBytes) }, { on, status: 201 });
      own.push(path);
    },
    MOVE: async (on, turn) => {
      const to = `${tree.anyFolder()}moved-${turn}`;
      const headers = { Destination: target.url(to) };
      await target.must({ method: 'MOVE', path: own.shift()!, headers }, { on, status: 201 });
      own.push(target.path(to));
    },
  };
  let turn = 0;
  for (const [name, request] of Object.entries(requests)) {
    await runClients(target.connections(clients), warmUpMs, (on) => request(on, turn++));
    using meter = new UsageMeter(target.processId, { isMemoryWatched: false });
    const pace = await runClients(target.connections(clients), turnMs, (on) => request(on, turn++));
    row[`${name}: p50, ms`] = pace.p50Ms;
    row[`${name}: CPU ms`] = (meter.read().cpuSeconds * 1_000) / pace.count;
  }
  const remove = (paths: readonly string[]) =>
    shareOut(target.connections(clients), paths.length, (on, index) =>
      target.must({ method: 'DELETE', path: paths[index]! }, { on, status: 204 }),
    );
  const half = Math.floor(own.length / 2);
  await remove(own.slice(0, half));
  using meter = new UsageMeter(target.processId, { isMemoryWatched: false });
  await remove(own.slice(half));
  row['DELETE: CPU ms'] = (meter.read().cpuSeconds * 1_000) / (own.length - half);
  await target.must({ method: 'DELETE', path: extra });
  row['memory at most (PSS), MiB'] = memory.read().peakBytes / MiB;
  return row;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Sizes side by side; in brackets, how many times the first one's. */
function table(rows: readonly Row[]): string {
  const [first] = rows;
  const lines = Object.keys(first!).map((name) => {
    const cells = rows.map((row, index) => {
      const ratio = index === 0 || name === 'files' ? '' : ` (${formatValue(row[name]! / first![name]!)})`;
      return `${formatValue(row[name])}${ratio}`.padStart(20);
    });
    return `${name.padEnd(28)}${cells.join('')}\n`;
  });
  return lines.join('');
}

await main();
