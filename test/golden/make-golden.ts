/**
 * Writes the golden volume of the format that this program writes:
 *
 *     node dist/test/golden/make-golden.js format-N
 *
 * Once for each format, before its first release. What is there is never written again.
 */
import { access, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { testSafety } from '../../src/core/safety-parameters.js';
import { systemContext } from '../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../src/drive.js';
import type { Drive } from '../../src/drive-contract.js';
import { putFile, randomBytes } from '../drive/drive-fixture.js';
import { describeEntry, type Golden, type GoldenEntry, goldenFolder, nodeNames, placeholder } from './golden-volume.js';

const MiB = 1024 * 1024;
const modified = 1_500_000_000_000;
const options = { overwrite: false } as const;
const context = { ...systemContext, safety: { ...testSafety, checkpointAfterBytes: 1 } };
/** Long, and nothing when packed. */
const repetitive = (lengthBytes: number) => Buffer.alloc(lengthBytes, 'golden volume. ');

const [format = ''] = process.argv.slice(2);
if (!/^format-\d+$/.test(format)) throw new Error('usage: make-golden.js format-N');
const target = join(goldenFolder, `${format}.json.gz`);
const isThere = await access(target).then(
  () => true,
  () => false,
);
if (isThere) throw new Error(`${target} is there, and is never written again`);
const folder = await mkdtemp(join(tmpdir(), 'holdfast-golden-'));
try {
  const golden = await make();
  await writeFile(target, gzipSync(JSON.stringify(golden), { level: 9 }));
  console.log(`${target}: ${(await stat(target)).size} bytes, ${golden.entries.length} entries`);
} finally {
  await rm(folder, { recursive: true });
}

async function make(): Promise<Golden> {
  const directory = join(folder, 'home');
  await createVolume({ directory, nodes: nodeNames.map((name) => join(folder, name)), replicas: 2 }, context);
  await withDrive(async (drive) => {
    await drive.volume.makeFolder(['folder'], {});
    await putFile(drive.volume, 'folder/file.txt', 'first version');
    await putFile(drive.volume, 'folder/file.txt', 'second version');
    await putFile(drive.volume, 'deleted.txt', 'deleted');
    await putFile(drive.volume, 'large.bin', repetitive(2 * MiB + 4_321));
    await putFile(drive.volume, 'random.bin', randomBytes(20_000, 1));
    await drive.protection.set({ folder: '/folder', replicas: 3 });
    await drive.users.change({ name: 'ana', rights: 'write', credentials: 'golden', only: 'new' });
    while ((await drive.status()).checkpoint === null) await context.clock.sleep(50);
  });
  // Behind the checkpoint, in journals only.
  return withDrive(async (drive) => {
    await drive.volume.move(['folder', 'file.txt'], ['folder', 'renamed.txt'], options);
    await drive.volume.delete(['deleted.txt'], {});
    await putFile(drive.volume, 'empty', '');
    await putFile(drive.volume, 'Grüße ☃.txt', 'hello');
    await drive.volume.makeFolder(['folder', 'deeper'], {});
    await drive.volume.copy(['Grüße ☃.txt'], ['folder', 'deeper', 'copy.txt'], { ...options, depth: 'infinity' });
    const property = { namespace: 'urn:golden', name: 'colour', value: '<colour xmlns="urn:golden">blue</colour>' };
    await drive.volume.setProperties(['empty'], [property], { times: { modified } });
    const paths = ['folder', 'folder/renamed.txt', 'folder/deeper', 'folder/deeper/copy.txt'];
    const entries: GoldenEntry[] = [];
    for (const path of [...paths, 'large.bin', 'random.bin', 'empty', 'Grüße ☃.txt']) {
      entries.push(await describeEntry(drive, path.split('/')));
    }
    const users = (await drive.users.list()).map(({ name }) => name);
    const { folders } = await drive.protection.list();
    await drive.close();
    return { stored: await pack(), entries, users, protections: [...folders] };
  });
}

async function withDrive<T>(work: (drive: Drive) => Promise<T>): Promise<T> {
  const drive = await openDrive({ directory: join(folder, 'home') }, context);
  try {
    return await work(drive);
  } finally {
    await drive.close();
  }
}

async function pack(): Promise<Record<string, string>> {
  const stored: Record<string, string> = {};
  for (const item of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(item.parentPath, item.name);
    const name = relative(folder, path).split(sep).join('/');
    // The recovery kit is the program's own, and written anew by each.
    if (!item.isFile() || name.includes('/recovery/') || name.endsWith('.lock')) continue;
    const bytes = await readFile(path);
    const isVolumeFile = name === 'home/volume.json';
    const content = isVolumeFile ? Buffer.from(bytes.toString('utf8').replaceAll(folder, placeholder)) : bytes;
    stored[name] = content.toString('base64');
  }
  return stored;
}
