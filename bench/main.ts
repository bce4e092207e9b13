/**
 * Measures Holdfast beside other WebDAV servers and beside the limit of the disk: the same work on each in turn, several
 * rounds, medians and ratios. Trust the ratios of one run, not single values: other jobs on the machine disturb, so its
 * load is told first.
 */
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Target } from './client/target.js';
import { type BenchOptions, neededBytes, parseOptions, usage } from './options.js';
import { apachePeer } from './peers/apache-peer.js';
import { holdfastPeer } from './peers/holdfast-peer.js';
import { nephelePeer } from './peers/nephele-peer.js';
import { nginxPeer } from './peers/nginx-peer.js';
import type { Peer, RunningPeer } from './peers/peer.js';
import { rclonePeer } from './peers/rclone-peer.js';
import { webdavServerPeer } from './peers/webdav-server-peer.js';
import { drawPicture } from './picture.js';
import { describeMachine, type PlaceResult, renderTable, summarize } from './report.js';
import { limitName, runSuite } from './run-suite.js';
import { finderSave } from './workloads/finder-save.js';
import { largeTransfers, ranges } from './workloads/large-file.js';
import { properties } from './workloads/properties.js';
import { smallFiles } from './workloads/small-files.js';
import { treeChanges } from './workloads/tree-changes.js';
import type { Scale, Workload } from './workloads/workload.js';

const note = (message: string): void => void process.stderr.write(`${message}\n`);

function suite(scale: Scale): Workload[] {
  return [
    ...largeTransfers(scale),
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
  const machine = describeMachine();
  note(`load ${machine.load.toFixed(2)} on ${machine.processors} processors (${machine.processor})`);
  if (machine.load > machine.processors / 4) note('WARNING: other jobs run here. Trust ratios only, and those little.');
  const peers = choosePeers(options);
  const signal = stopSignal();
  const places: PlaceResult[] = [];
  for (const directory of options.directories) {
    const place = await measurePlace({ directory, peers, options, workloads, signal });
    places.push(place);
    process.stdout.write(`${renderTable(place, options)}\n\n`);
  }
  const { scale, rounds } = options;
  const data = { machine, scale, rounds, places };
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(data, null, 1)}\n`);
  if (options.pictureFile !== undefined) await writeFile(options.pictureFile, drawPicture(places[0]!));
}

function choosePeers({ peers: names, isInstalling, profileFolder, beforeLauncher }: BenchOptions): Peer[] {
  const own = holdfastPeer({ profileFolder });
  const others = [nginxPeer, apachePeer, rclonePeer, webdavServerPeer, nephelePeer];
  const wanted = [own, ...others].filter(({ name }) => names.length === 0 || names.includes(name));
  const before = beforeLauncher === undefined ? [] : [holdfastPeer({ name: 'before', launcher: beforeLauncher })];
  if (isInstalling) {
    for (const peer of wanted.filter((each) => each.missing() !== undefined)) {
      note(`installing ${peer.name}`);
      peer.install?.();
    }
  }
  const here = [...wanted, ...before].filter(isHere);
  if (here.length === 0) throw new Error(`no such peer: ${names.join(', ')}`);
  return here;
}

function isHere(peer: Peer): boolean {
  const problem = peer.missing();
  if (problem !== undefined) note(`WARNING: ${problem}. Its column is left out.`);
  return problem === undefined;
}

/** Fired by the first Ctrl-C, so that servers end and temporary data goes; a second one ends at once. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error('stopped before the end')));
  }
  return controller.signal;
}

interface PlaceOptions {
  readonly directory: string;
  readonly peers: readonly Peer[];
  readonly options: BenchOptions;
  readonly workloads: readonly Workload[];
  readonly signal: AbortSignal;
}

async function measurePlace({ directory, peers, options, workloads, signal }: PlaceOptions): Promise<PlaceResult> {
  await requireRoom(directory, neededBytes(options, peers.length));
  const folder = await mkdtemp(join(directory, 'holdfast-bench-'));
  const running: { readonly name: string; readonly peer: RunningPeer }[] = [];
  const targets: Target[] = [];
  try {
    for (const peer of peers) running.push({ name: peer.name, peer: await peer.start(join(folder, peer.name)) });
    targets.push(...running.map(({ name, peer }) => new Target(name, peer)));
    const strict = new Set(['holdfast', 'before', limitName]);
    const { rounds, isQuick } = options;
    const isSettling = !isQuick;
    const results = await runSuite({ workloads, targets, rounds, folder, note, isSettling, strict, signal });
    const descriptions = Object.fromEntries(running.map(({ name, peer }) => [name, peer.description]));
    return { directory: resolve(directory), peers: descriptions, figures: results.map(summarize) };
  } finally {
    for (const target of targets) target[Symbol.dispose]();
    for (const { peer } of running) await peer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function requireRoom(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
  if (bavail * bsize >= neededBytes) return;
  throw new Error(
    `${resolve(directory)} has ${gib(bavail * bsize)} GiB of room, and ${gib(neededBytes)} GiB are needed: ` +
      'choose another disk with --dir, or a smaller --size',
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
