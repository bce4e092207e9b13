/** A whole drive on temporary folders, with the times of tests: what background work does is seen from outside. */
import assert from 'node:assert/strict';
import {
  access,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileIo } from '../../src/core/file-io.js';
import { type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../src/drive.js';
import type { Drive } from '../../src/drive-contract.js';
import type { DriveStatus } from '../../src/drive-status.js';
import { SeededRandom } from '../support/seeded-random.js';
import type { CleanUp } from '../support/temporary-folder.js';

export const MiB = 1024 * 1024;

export interface DriveFixture {
  readonly root: string;
  readonly directory: string;
  readonly context: DriveContext;
  /** Paths of the node directories. */
  readonly nodes: readonly string[];
  drive: Drive;
}

export interface FixtureOptions {
  readonly nodes?: number;
  readonly replicas?: number;
  readonly safety?: Partial<SafetyParameters>;
  readonly fileIo?: FileIo;
}

/** Nodes in one temporary folder each; after the test the drive is checked, must be sound, and is closed. */
export async function openTestDrive(
  test: CleanUp,
  { nodes = 3, replicas = 2, safety = {}, fileIo = systemContext.fileIo }: FixtureOptions = {},
): Promise<DriveFixture> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-maintenance-')));
  const directory = join(root, 'volume');
  const context: DriveContext = { ...systemContext, fileIo, safety: { ...testSafety, ...safety } };
  const paths = Array.from({ length: nodes }, (_, index) => join(root, `disk-${index + 1}`));
  await createVolume({ directory, nodes: paths, replicas }, context);
  const fixture = { root, directory, context, nodes: paths, drive: await openDrive({ directory }, context) };
  test.after(async () => {
    try {
      const { findings } = await fixture.drive.check();
      assert.deepEqual(findings, [], eventsOf(fixture));
    } finally {
      await fixture.drive.close();
      await rm(root, { recursive: true, force: true, maxRetries: 3 });
    }
  });
  return fixture;
}

export async function reopen(fixture: DriveFixture, safety: Partial<SafetyParameters> = {}): Promise<void> {
  await fixture.drive.close();
  const context = { ...fixture.context, safety: { ...fixture.context.safety, ...safety } };
  fixture.drive = await openDrive({ directory: fixture.directory }, context);
}

export const bytesOf = (lengthBytes: number, seed: number): Buffer => new SeededRandom(seed).bytes(lengthBytes);

export async function put({ drive }: DriveFixture, name: string, bytes: Buffer): Promise<void> {
  const upload = await drive.volume.upload({});
  try {
    await upload.write(bytes);
    await drive.volume.put([name], await upload.finish(), {});
  } finally {
    await upload.abort();
  }
}

export async function get({ drive }: DriveFixture, name: string): Promise<Buffer> {
  const reader = await drive.volume.open([name]);
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

export async function remove({ drive }: DriveFixture, name: string): Promise<void> {
  await drive.volume.delete([name], {});
}

/** Waits until the status is as wanted; fails with the last one after a while. */
export async function untilStatus(
  fixture: DriveFixture,
  what: string,
  isSo: (status: DriveStatus) => boolean,
): Promise<DriveStatus> {
  let last: DriveStatus | undefined;
  await untilTrue(
    async () => {
      last = await fixture.drive.status();
      return isSo(last);
    },
    () => `${what}: ${JSON.stringify(last, null, 1)}\n${eventsOf(fixture)}`,
  );
  return last!;
}

export const isWhole = ({ health, segments, healing }: DriveStatus): boolean =>
  health === 'good' && segments.degraded === 0 && healing.queuedSegments === 0 && !healing.active;

export async function untilTrue(isSo: () => boolean | Promise<boolean>, say: () => string): Promise<void> {
  const deadline = performance.now() + 90_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) assert.fail(`it did not happen: ${say()}`);
    await sleep(20);
  }
}

/** Fails unless for so long hardly anything is written by itself; on a busy machine it may begin late. */
export async function mustCalmDown(
  fixture: DriveFixture,
  { durationMs, batches }: { readonly durationMs: number; readonly batches: number },
): Promise<void> {
  const written: number[] = [];
  while (written.length < 10) {
    const before = await fixture.drive.status();
    await sleep(durationMs);
    const after = await fixture.drive.status();
    written.push(after.sequence - before.sequence);
    if (written.at(-1)! <= batches) return;
  }
  assert.fail(`${written.join(', ')} batches by themselves\n${eventsOf(fixture)}`);
}

export const eventsOf = ({ drive }: DriveFixture): string =>
  drive
    .events()
    .map(({ level, message }) => `${level}: ${message}`)
    .join('\n');

/** The folder that bears the node's id. */
export async function nodeRoot(path: string): Promise<string> {
  const name = (await readdir(path)).find((item) => /^holdfast-[0-9a-f]{16}$/.test(item));
  assert.ok(name, `no node at ${path}`);
  return join(path, name);
}

export async function filesIn(path: string, folder: string): Promise<string[]> {
  return (await readdir(join(await nodeRoot(path), folder))).filter((name) => !name.endsWith('.tmp')).sort();
}

/** Paths of a node's segment files, the largest first. */
export async function segmentFiles(path: string): Promise<string[]> {
  const folder = join(await nodeRoot(path), 'segments');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.seg'));
  const files = await Promise.all(
    names.map(async (name) => {
      // Cleaning may take one away after its name was read.
      const found = await stat(join(folder, name)).catch(() => undefined);
      return found ? [{ path: join(folder, name), size: found.size }] : [];
    }),
  );
  return files
    .flat()
    .sort((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1))
    .map((file) => file.path);
}

/** Seals what is open, so that there are segments to damage. */
export async function sealAll(fixture: DriveFixture): Promise<void> {
  await reopen(fixture);
}

export async function flipBit(path: string, position: number): Promise<void> {
  const bytes = await readFile(path);
  assert.ok(position < bytes.length);
  bytes[position]! ^= 1;
  await writeFile(path, bytes);
}

export async function cutFile(path: string, lengthBytes: number): Promise<void> {
  await truncate(path, lengthBytes);
}

/** As a pulled disk: what is left is an empty folder, the mount point. */
export async function pull(path: string): Promise<() => Promise<void>> {
  const aside = `${path}-pulled`;
  await rename(path, aside);
  await mkdir(path);
  return async () => {
    assert.deepEqual(await readdir(path), [], 'nothing may be written in a bare mount point');
    await rename(path, `${path}-bare-${performance.now()}`);
    await rename(aside, path);
  };
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
