/** Every format that was ever released can be opened, rebuilt and healed; what is damaged beyond healing is named. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openDrive, rebuildVolume } from '../../src/drive.js';
import type { Drive } from '../../src/drive-contract.js';
import { getFile, putFile } from '../drive/drive-fixture.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { assertGolden, contextWith, type Golden, goldenFormats, nodeNames, unpack } from './golden-volume.js';

const context = contextWith({ healGraceMs: 60_000 });
const formats = await goldenFormats();

interface Laid {
  readonly folder: string;
  readonly golden: Golden;
}

async function lay(t: TestContext, format: string): Promise<Laid> {
  const folder = await temporaryFolder(t);
  return { folder, golden: await unpack(format, folder) };
}

async function opened<T>({ folder }: Laid, work: (drive: Drive) => Promise<T>): Promise<T> {
  const drive = await openDrive({ directory: join(folder, 'home') }, context);
  try {
    return await work(drive);
  } finally {
    await drive.close();
  }
}

/** Files of one node, by the folder and the ending of their names. */
async function filesOf({ folder }: Laid, node: string, below: string): Promise<string[]> {
  const found = await readdir(join(folder, node), { recursive: true });
  return found
    .filter((path) => path.split(/[/\\]/).at(-2) === below && !path.endsWith('SHA256SUMS'))
    .map((path) => join(folder, node, path))
    .sort();
}

/** A byte in the middle of the file. */
async function damage(path: string, share = 0.5): Promise<void> {
  const bytes = await readFile(path);
  bytes[Math.floor(bytes.length * share)]! ^= 0xff;
  await writeFile(path, bytes);
}

test('there is a golden volume of the format that this program writes', () => assert.ok(formats.includes('format-1')));

for (const format of formats) {
  test(`${format}: it is opened, holds what it held, is sound, and takes changes`, async (t) => {
    const laid = await lay(t, format);
    await opened(laid, async (drive) => {
      await assertGolden(drive, laid.golden);
      assert.deepEqual((await drive.check({ readData: { part: 1, parts: 1 } })).findings, []);
      await putFile(drive.volume, 'new.txt', 'saved by a later program');
    });
    await opened(laid, async (drive) => {
      assert.equal((await getFile(drive.volume, 'new.txt')).toString(), 'saved by a later program');
      await drive.volume.delete(['new.txt'], {});
      await assertGolden(drive, laid.golden);
    });
  });

  test(`${format}: it is rebuilt from two of its nodes, its directory gone`, async (t) => {
    const laid = await lay(t, format);
    const directory = join(laid.folder, 'home');
    await rm(directory, { recursive: true });
    await rm(join(laid.folder, 'c'), { recursive: true });
    await rebuildVolume({ directory, nodes: ['a', 'b'].map((name) => join(laid.folder, name)) }, context);
    await opened(laid, (drive) => assertGolden(drive, laid.golden));
  });

  for (const below of ['segments', 'journal', 'checkpoints']) {
    test(`${format}: with all ${below} of one node damaged and the index gone, it holds what it held`, async (t) => {
      const laid = await lay(t, format);
      const paths = await filesOf(laid, 'a', below);
      assert.ok(paths.length > 0, `node a has ${below}`);
      for (const path of paths) await damage(path);
      await rm(join(laid.folder, 'home', 'index.db'));
      await opened(laid, async (drive) => {
        await assertGolden(drive, laid.golden);
        assert.deepEqual((await drive.check({ readData: { part: 1, parts: 1 } })).findings, []);
      });
    });
  }

  test(`${format}: what is damaged in every copy is named, and everything else is as it was`, async (t) => {
    const laid = await lay(t, format);
    for (const node of nodeNames) {
      for (const path of await filesOf(laid, node, 'segments')) {
        const bytes = await readFile(path);
        const at = bytes.indexOf('second version');
        if (at < 0) continue;
        bytes[at]! ^= 0xff;
        await writeFile(path, bytes);
      }
    }
    await opened(laid, async (drive) => {
      const { findings } = await drive.proofs.scrub({});
      assert.deepEqual(findings, ['/folder/renamed.txt cannot be read whole: no copy of a part of it verifies']);
      const { files } = await drive.proofs.salvage({ limit: 10 });
      assert.deepEqual(
        files.map(({ path }) => path),
        ['/folder/renamed.txt'],
      );
      await assert.rejects(getFile(drive.volume, 'folder/renamed.txt'));
      await putFile(drive.volume, 'folder/renamed.txt', 'second version');
      const times = { modified: laid.golden.entries.find(({ path }) => path === 'folder/renamed.txt')!.modified };
      await drive.volume.setProperties(['folder', 'renamed.txt'], [], { times });
      await assertGolden(drive, laid.golden);
    });
  });
}
