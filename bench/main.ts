/**
 * Measures Holdfast beside nginx and beside the limit of the disk: the same work on each in turn, several rounds,
 * medians and ratios. Trust the ratios of one run, not single values: other jobs on the machine disturb, so its load is
 * told first.
 */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Target } from './client/target.js';
import { type BenchOptions, neededBytes, parseOptions, usage } from './options.js';
import { holdfastPeer } from './peers/holdfast-peer.js';
import { nginxPeer } from './peers/nginx-peer.js';
import type { Peer, RunningPeer } from './peers/peer.js';
import { describeMachine, renderTable, summarize } from './report.js';
import { runSuite } from './run-suite.js';
import { finderSave } from './workloads/finder-save.js';
import { largeGet, largePut, ranges } from './workloads/large-file.js';
import { properties } from './workloads/properties.js';
import { smallFiles } from './workloads/small-files.js';
import { treeChanges } from './workloads/tree-changes.js';
import type { Scale, Workload } from './workloads/workload.js';

const note = (message: string): void => void process.stderr.write(`${message}\n`);

function suite(scale: Scale): Workload[] {
  return [
    largePut(scale),
    largeGet(scale),
    ranges(scale),
    ...smallFiles(scale),
    ...properties(scale),
    ...treeChanges(scale),
    finderSave(scale),
  ];
}

async function bench(options: BenchOptions): Promise<void> {
  const workloads = suite(options.scale).filter(
    ({ name }) => options.only.length === 0 || options.only.some((part) => name.includes(part)),
  );
  if (workloads.length === 0) throw new Error(`no workload has one of these in its name: ${options.only.join(', ')}`);
  await requireRoom(options);
  const machine = describeMachine();
  note(`load ${machine.load.toFixed(2)} on ${machine.processors} processors (${machine.processor})`);
  if (machine.load > machine.processors / 4) note('WARNING: other jobs run here. Trust ratios only, and those little.');
  const peers = [holdfastPeer(options), nginxPeer].filter(isHere);
  const folder = await mkdtemp(join(options.directory, 'holdfast-bench-'));
  try {
    const { results, descriptions } = await withPeers(peers, folder, options, workloads);
    const summaries = results.map(summarize);
    if (options.isJson) {
      const { scale, rounds } = options;
      process.stdout.write(
        `${JSON.stringify({ machine, scale, rounds, peers: descriptions, figures: summaries }, null, 1)}\n`,
      );
    } else {
      for (const [name, description] of Object.entries(descriptions)) process.stdout.write(`${name}: ${description}\n`);
      process.stdout.write('limit: the same bytes into two plain files, fsynced\n');
      process.stdout.write(`"x": how much better Holdfast is; below 1 it is worse. Rounds: ${options.rounds}\n\n`);
      process.stdout.write(`${renderTable(summaries, Object.keys(descriptions))}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Fired by the first Ctrl-C, so that servers end and temporary data goes; a second one ends at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error('stopped before the end')));
  }
  return controller.signal;
}

async function withPeers(
  peers: readonly Peer[],
  folder: string,
  options: BenchOptions,
  workloads: readonly Workload[],
) {
  const signal = stopSignal();
  const running: { readonly name: string; readonly peer: RunningPeer }[] = [];
  const targets: Target[] = [];
  try {
    for (const peer of peers) running.push({ name: peer.name, peer: await peer.start(join(folder, peer.name)) });
    targets.push(...running.map(({ name, peer }) => new Target(name, peer)));
    const results = await runSuite({ workloads, targets, rounds: options.rounds, folder, note, signal });
    return { results, descriptions: Object.fromEntries(running.map(({ name, peer }) => [name, peer.description])) };
  } finally {
    for (const target of targets) target[Symbol.dispose]();
    for (const { peer } of running) await peer.stop();
  }
}

function isHere(peer: Peer): boolean {
  const problem = peer.missing();
  if (problem !== undefined) note(`WARNING: ${problem}. Its column is left out.`);
  return problem === undefined;
}

async function requireRoom(options: BenchOptions): Promise<void> {
  const { bavail, bsize } = await statfs(options.directory);
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
  if (bavail * bsize >= neededBytes(options)) return;
  throw new Error(
    `${resolve(options.directory)} has ${gib(bavail * bsize)} GiB of room, and ${gib(neededBytes(options))} GiB are ` +
      'needed: choose another disk with --dir, or a smaller --size',
  );
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(`${usage}\n`);
  else await bench(options);
} catch (error) {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
