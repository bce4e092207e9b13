/**
 * The disk of the index is full or takes no writes, at the opening and while it is served: what is shown is right, what
 * cannot be saved is refused with a word on what to do, and all is well again when the disk is.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { asDriveError } from '../../../src/core/errors.js';
import { DamagedVolume, memoryFolder, type Tree } from '../../damage/damaged-volume.js';
import { mustRun, runCommand } from '../tools/commands.js';
import { missing } from '../tools/requirements.js';

const mounted: string[] = [];
const refusals = ['OUT_OF_SPACE', 'UNAVAILABLE', 'READ_ONLY'];

interface Begun {
  readonly volume: DamagedVolume;
  readonly truth: Tree;
}

/** A closed volume whose own directory is a small file system; the nodes lie elsewhere. */
async function begin(context: TestContext): Promise<Begun> {
  const cleanUps: (() => Promise<void>)[] = [];
  const folder = await memoryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  const volume = await new DamagedVolume(join(folder, 'volume')).create();
  await volume.open();
  await volume.fill(1, 6);
  const truth = await volume.tree();
  await volume.close();
  const aside = await mkdtemp(`${volume.directory}-`);
  await cp(volume.directory, aside, { recursive: true });
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=8M', 'tmpfs', volume.directory]);
  mounted.push(volume.directory);
  await cp(aside, volume.directory, { recursive: true });
  context.after(async () => {
    await volume.close();
    for (const path of mounted.filter((at) => at.startsWith(folder)).reverse()) await unmount(path);
    for (const cleanUp of cleanUps) await cleanUp();
  });
  return { volume, truth };
}

async function unmount(path: string): Promise<void> {
  await runCommand('umount', ['-l', path]);
  mounted.splice(mounted.indexOf(path), 1);
}

/** Nothing fits any more. */
async function fillDisk(volume: DamagedVolume): Promise<string> {
  const path = join(volume.directory, 'ballast');
  const { bavail, bsize } = await statfs(volume.directory);
  await writeFile(path, Buffer.alloc(bavail * bsize)).catch(() => undefined);
  return path;
}

/** Opened it shows the truth; if it is not opened, it says why and what to do. */
async function opensOrTells({ volume, truth }: Begun): Promise<void> {
  try {
    await volume.open();
  } catch (cause) {
    mustTell(cause);
    return;
  }
  for (const [path, text] of await volume.tree()) assert.equal(text, truth.get(path), path);
}

/**
 * What it shows is right. A change that the journals have and the full disk of the index did not take ends all reading
 * until there is room: older contents are never shown for the newest. Then it says so.
 */
async function showsOrTells({ volume, truth }: Begun): Promise<void> {
  let tree: Tree;
  try {
    tree = await volume.tree();
  } catch (cause) {
    mustTell(cause);
    return;
  }
  for (const [path, text] of truth) if (!isTouched(path)) assert.equal(tree.get(path), text, path);
}

function mustTell(cause: unknown): void {
  const error = asDriveError(cause);
  assert.ok(refusals.includes(error.code), `${error.code}: ${error.message}`);
  assert.doesNotMatch(error.message, /thread/);
  assert.ok(error.hint, `no word on what to do: ${error.code} ${error.message}`);
}

async function savesAgain({ volume, truth }: Begun): Promise<void> {
  const deadline = performance.now() + 300_000;
  for (;;) {
    try {
      await volume.put('plain/after', Buffer.from('after'));
      break;
    } catch (error) {
      assert.ok(performance.now() < deadline, String(error));
      await sleep(200);
    }
  }
  await volume.delete(['plain', 'after']);
  await volume.close();
  await volume.open();
  const tree = await volume.tree();
  for (const [path, text] of truth) if (!isTouched(path)) assert.equal(tree.get(path), text, path);
}

/** Its time moved along with what was saved in it. */
const isTouched = (path: string): boolean => path === '' || path === 'plain';

describe('the disk of the index', { skip: missing({ root: true, tools: ['mount', 'umount'] }) }, () => {
  after(async () => {
    for (const path of [...mounted]) await unmount(path);
  });

  it('that is read-only at the opening is told, and nothing is changed', { timeout: 900_000 }, async (t) => {
    const begun = await begin(t);
    await mustRun('mount', ['-o', 'remount,ro', begun.volume.directory]);
    await opensOrTells(begun);
    await begun.volume.close();
    await mustRun('mount', ['-o', 'remount,rw', begun.volume.directory]);
    await begun.volume.open();
    await begun.volume.mustShow(begun.truth);
    await savesAgain(begun);
  });

  it('on which the index file alone is read-only is told as well', { timeout: 900_000 }, async (t) => {
    const begun = await begin(t);
    const { index } = begun.volume;
    await mustRun('mount', ['--bind', index, index]);
    mounted.push(index);
    await mustRun('mount', ['-o', 'remount,bind,ro', index]);
    await opensOrTells(begun);
    await begun.volume.close();
    await unmount(index);
    await begun.volume.open();
    await begun.volume.mustShow(begun.truth);
  });

  it('that is full at the opening is told, with an index and without', { timeout: 900_000 }, async (t) => {
    const begun = await begin(t);
    let ballast = await fillDisk(begun.volume);
    await opensOrTells(begun);
    await begun.volume.close();
    for (const suffix of ['', '-closed', '-wal', '-shm']) await rm(begun.volume.index + suffix, { force: true });
    await rm(ballast);
    ballast = await fillDisk(begun.volume);
    await opensOrTells(begun);
    await begun.volume.close();
    await rm(ballast);
    await begun.volume.open();
    await begun.volume.mustShow(begun.truth);
    await savesAgain(begun);
  });

  it('that fills up while it is served: what is shown is right, what is acknowledged is kept', {
    timeout: 1_500_000,
  }, async (t) => {
    const begun = await begin(t);
    const { volume } = begun;
    await volume.open();
    const ballast = await fillDisk(volume);
    const saved: string[] = [];
    let refused: unknown;
    for (let file = 0; file < 400 && refused === undefined; file += 1) {
      try {
        await volume.put(`empty-${file}`, Buffer.from(`bytes of ${file}`));
        saved.push(`empty-${file}`);
      } catch (error) {
        refused = error;
      }
    }
    assert.ok(refused, 'the disk of the index never was too small');
    mustTell(refused);
    await showsOrTells(begun);
    await rm(ballast);
    await savesAgain(begun);
    const tree = await volume.tree();
    for (const path of saved) assert.ok(tree.has(path), path);
  });
});
