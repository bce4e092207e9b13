/**
 * Golden volumes: one of each format that was ever released, as files `format-N.json.gz` beside this one. Each was written
 * once by make-golden.ts, with the program of its time, and is never written again: it holds the promise that later
 * programs read what earlier ones wrote.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../src/drive/drive-context.js';
import type { Drive } from '../../src/drive-contract.js';
import { getFile } from '../drive/drive-fixture.js';

export interface Golden {
  /** Content in base64, by path below the volume's folder: `home/` is DIR, `a/`, `b/` and `c/` are its nodes. */
  readonly stored: Readonly<Record<string, string>>;
  /** What it holds. */
  readonly entries: readonly GoldenEntry[];
  readonly users: readonly string[];
  readonly protections: readonly { readonly folder: string; readonly replicas: number }[];
}

export interface GoldenEntry {
  readonly path: string;
  /** Hex SHA-256; null for a folder. */
  readonly hash: string | null;
  /** Of a file. */
  readonly modified?: number;
  readonly properties?: readonly string[];
}

export const nodeNames = ['a', 'b', 'c'] as const;
/** Stands for the folder of the volume, in volume.json. */
export const placeholder = '@@GOLDEN@@';
export const goldenFolder = fileURLToPath(new URL('../../../test/golden/', import.meta.url));
export const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const lockFolder = mkdtempSync(join(tmpdir(), 'holdfast-golden-'));
process.once('exit', () => rmSync(lockFolder, { recursive: true, force: true }));

/** One process at a time opens a volume, by its id; these tests open the same one in several. */
export function contextWith(safety: Partial<SafetyParameters>): DriveContext {
  const platform = { ...systemContext.platform, machineLockFolder: lockFolder };
  return { ...systemContext, platform, safety: { ...testSafety, ...safety } };
}

/** Every format that there is a golden volume of, `format-1` first. */
export async function goldenFormats(): Promise<string[]> {
  const found = (await readdir(goldenFolder)).filter((name) => name.endsWith('.json.gz'));
  return found.map((name) => name.replace('.json.gz', '')).sort();
}

/** Lays the volume out below `folder`. */
export async function unpack(format: string, folder: string): Promise<Golden> {
  const packed = gunzipSync(await readFile(join(goldenFolder, `${format}.json.gz`)));
  const golden = JSON.parse(packed.toString('utf8')) as Golden;
  for (const [path, content] of Object.entries(golden.stored)) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const bytes = Buffer.from(content, 'base64');
    const isVolumeFile = path === 'home/volume.json';
    // A path of Windows has backslashes, which JSON escapes.
    const escaped = JSON.stringify(folder).slice(1, -1);
    await writeFile(target, isVolumeFile ? bytes.toString('utf8').replaceAll(placeholder, escaped) : bytes);
  }
  // A pack holds files; these folders may be empty.
  for (const name of nodeNames) {
    const id = (await readdir(join(folder, name))).find((one) => /^holdfast-[0-9a-f]{16}$/.test(one))!;
    for (const part of ['segments', 'journal', 'checkpoints', 'attic']) {
      await mkdir(join(folder, name, id, part), { recursive: true });
    }
  }
  return golden;
}

/** Everything that the volume holds is what it was. */
export async function assertGolden(drive: Drive, golden: Golden): Promise<void> {
  const found: GoldenEntry[] = [];
  const walk = async (path: string[]): Promise<void> => {
    const folder = await drive.volume.stat(path);
    assert.ok(folder);
    for await (const page of drive.volume.list(folder)) {
      for (const row of page) {
        const below = [...path, row.name];
        found.push(await describeEntry(drive, below));
        if (row.kind === 'folder') await walk(below);
      }
    }
  };
  await walk([]);
  assert.deepEqual(found.sort(byPath), [...golden.entries].sort(byPath));
  assert.deepEqual(
    (await drive.users.list()).map(({ name }) => name),
    golden.users,
  );
  assert.deepEqual((await drive.protection.list()).folders, golden.protections);
}

export async function describeEntry(drive: Drive, path: string[]): Promise<GoldenEntry> {
  const row = await drive.volume.stat(path);
  assert.ok(row);
  const text = path.join('/');
  const properties = (await drive.volume.properties(row)).map(
    ({ namespace, name, value }) => `${namespace}${name} ${value}`,
  );
  const described = { path: text, ...(properties.length === 0 ? {} : { properties }) };
  if (row.kind === 'folder') return { ...described, hash: null };
  return { ...described, hash: hashOf(await getFile(drive.volume, text)), modified: row.modified };
}

const byPath = (one: GoldenEntry, other: GoldenEntry): number => (one.path < other.path ? -1 : 1);
