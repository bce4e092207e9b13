/** The benchmark's command line. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Scale } from './workloads/workload.js';

export interface BenchOptions {
  readonly scale: Scale;
  readonly rounds: number;
  /** A folder is made in it and removed afterwards. */
  readonly directory: string;
  readonly isJson: boolean;
  /** Parts of names of workloads; empty means all. */
  readonly only: readonly string[];
  readonly profileFolder: string | undefined;
}

export const usage = `npm run bench [-- options]
  --size SIZE      of the large file: 512M, 1G (default 1G)
  --rounds N       medians are of so many (default 3)
  --dir PATH       where the temporary data lies, on the disk to be measured (default: the system's)
  --only NAME      only workloads with this in their name (repeat it)
  --quick          a smoke run of seconds, whose figures mean nothing
  --profile PATH   the server writes a processor profile into this folder
  --json           data instead of a table`;

const MiB = 1024 * 1024;
const full: Scale = {
  largeBytes: 1024 * MiB,
  durationMs: 3000,
  smallFiles: 1000,
  listings: [1000, 10_000],
  repeats: 10,
};
const quick: Scale = { largeBytes: 32 * MiB, durationMs: 150, smallFiles: 50, listings: [20, 200], repeats: 2 };

/** Throws an Error with a sentence for a person. */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      size: { type: 'string' },
      rounds: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const base = values.quick ? quick : full;
  return {
    scale: values.size === undefined ? base : { ...base, largeBytes: parseSize(values.size) },
    rounds: values.rounds === undefined ? (values.quick ? 1 : 3) : parseRounds(values.rounds),
    directory: values.dir,
    isJson: values.json,
    only: values.only,
    profileFolder: values.profile,
  };
}

function parseSize(text: string): number {
  const [, count, unit] = /^(\d+)([MG])$/.exec(text) ?? [];
  const sizeBytes = Number(count) * (unit === 'G' ? 1024 : 1) * MiB;
  if (!(sizeBytes > 0)) throw new Error(`--size wants a number and M or G, not ${text}`);
  return sizeBytes;
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100) throw new Error(`--rounds wants 1 to 100, not ${text}`);
  return rounds;
}

/** At most so much lies on the disk at a time; what Holdfast's cleaner has not given back yet is counted in. */
export function neededBytes({ scale, rounds }: BenchOptions): number {
  const copies = 2;
  const folders = scale.listings.reduce((sum, entries) => sum + entries, 0) * 4096 * 2;
  // The file that stays, on each peer; what each round saves; what nginx copies; room for journals and the index.
  return scale.largeBytes * (copies * (rounds + 1) + 3) + folders * (copies + 1) + 2048 * MiB;
}
