/** The benchmark's command line. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Scale } from './workloads/workload.js';

export interface BenchOptions {
  readonly scale: Scale;
  readonly rounds: number;
  /** No waiting between turns. */
  readonly isQuick: boolean;
  /** The suite runs in each in turn. A folder is made in it and removed afterwards. */
  readonly directories: readonly string[];
  readonly isDetailed: boolean;
  /** Where data and picture go besides the table, if anywhere. */
  readonly jsonFile: string | undefined;
  readonly pictureFile: string | undefined;
  /** Names; empty means all. */
  readonly peers: readonly string[];
  readonly isInstalling: boolean;
  /** Parts of names of workloads; empty means all. */
  readonly only: readonly string[];
  readonly profileFolder: string | undefined;
  /** Another build's launch.cjs, measured beside this one as a peer called "before". */
  readonly beforeLauncher: string | undefined;
}

export const usage = `npm run bench [-- options]
  --install        installs the peers that are absent (Debian's packages as root; npm's into the build)
  --size SIZE      of the large file: 512M, 1G (default 1G)
  --seconds N      of each turn that repeats small requests (default 2)
  --warm-up N      seconds of the same requests before each peer's first turn, uncounted (default 3)
  --rounds N       medians are of so many (default 3)
  --dir PATH       where the temporary data lies, on the disk to be measured (default: the system's). Repeat it to
                   measure several, as --dir /srv/disk --dir /dev/shm (memory: what the processor costs alone)
  --peer NAME      only these (repeat it): holdfast nginx apache rclone webdav-server nephele
  --only NAME      only workloads with this in their name (repeat it)
  --quick          a smoke run of seconds, whose figures mean nothing
  --details        percentiles, processor time of a request and stalls of the event loop too
  --json FILE      data with the values of all rounds
  --picture FILE   bars, as SVG
  --before FILE    another build's dist/src/launch.cjs, measured as a peer of its own
  --profile PATH   the server writes a processor profile into this folder`;

const MiB = 1024 * 1024;
const full: Scale = {
  largeBytes: 1024 * MiB,
  durationMs: 2000,
  warmUpMs: 3000,
  smallFiles: 1000,
  listings: [1000, 10_000],
  repeats: 10,
};
const quick: Scale = {
  largeBytes: 16 * MiB,
  durationMs: 50,
  warmUpMs: 20,
  smallFiles: 20,
  listings: [10, 50],
  repeats: 1,
};

/** Throws an Error with a sentence for a person. */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      install: { type: 'boolean', default: false },
      size: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      rounds: { type: 'string' },
      dir: { type: 'string', multiple: true, default: [tmpdir()] },
      peer: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      details: { type: 'boolean', default: false },
      before: { type: 'string' },
      profile: { type: 'string' },
      json: { type: 'string' },
      picture: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const base = values.quick ? quick : full;
  return {
    scale: {
      ...base,
      ...(values.size !== undefined && { largeBytes: parseSize(values.size) }),
      ...(values.seconds !== undefined && { durationMs: parseCount('--seconds', values.seconds) * 1000 }),
      ...(values['warm-up'] !== undefined && { warmUpMs: parseCount('--warm-up', values['warm-up'], 0) * 1000 }),
    },
    rounds: values.rounds === undefined ? (values.quick ? 1 : 3) : parseCount('--rounds', values.rounds),
    isQuick: values.quick,
    directories: values.dir,
    isDetailed: values.details,
    jsonFile: values.json,
    pictureFile: values.picture,
    peers: values.peer,
    isInstalling: values.install,
    only: values.only,
    profileFolder: values.profile,
    beforeLauncher: values.before,
  };
}

function parseSize(text: string): number {
  const [, count, unit] = /^(\d+)([MG])$/.exec(text) ?? [];
  const sizeBytes = Number(count) * (unit === 'G' ? 1024 : 1) * MiB;
  if (!(sizeBytes > 0)) throw new Error(`--size wants a number and M or G, not ${text}`);
  return sizeBytes;
}

function parseCount(name: string, text: string, least = 1): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least || count > 100)
    throw new Error(`${name} wants ${least} to 100, not ${text}`);
  return count;
}

/** At most so much lies in a directory at a time; what Holdfast's cleaner has not given back yet is counted in. */
export function neededBytes({ scale, rounds }: BenchOptions, peerCount: number): number {
  const copies = 2;
  const folders = scale.listings.reduce((sum, entries) => sum + entries, 0) * 4096 * 2;
  // The file that stays, on each peer; what each round saves here (two workloads) and what the others copy; room for
  // journals and the index.
  return scale.largeBytes * (copies * (2 * rounds + 1) + peerCount + 2) + folders * (copies + peerCount) + 2048 * MiB;
}
