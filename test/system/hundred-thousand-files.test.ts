/**
 * 100,000 files; the volume's directory is deleted and one of three nodes is gone. Everything is there again: by
 * `rebuild`, and by the recovery kit that lies on the nodes, with nothing of this program.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createVolume, openDrive, rebuildVolume } from '../../src/drive.js';
import type { Drive } from '../../src/drive-contract.js';
import { getFile } from '../drive/drive-fixture.js';
import { GiB, missing } from './tools/requirements.js';
import { contentOf } from './tools/seeded.js';
import { Workspace } from './tools/workspace.js';

const skip = missing({ tools: ['python3'], freeBytes: 4 * GiB });

const folderCount = 400;
const filesPerFolder = 250;
const fileCount = folderCount * filesPerFolder;
/** One after the other would take an hour of fsyncs. */
const atOnce = 200;

const folderName = (folder: number) => `folder ${folder}`;
const contentAt = (folder: number, file: number) =>
  contentOf(`${folder}/${file}`, 40 + ((folder * 31 + file * 7) % 2_000));
const modifiedAt = (folder: number, file: number) => 1_500_000_000_000 + folder * 1_000_000 + file * 1_000;

/** The test's thread only waits: there the runner follows every promise, which takes a fifth more of a processor. */
if (isMainThread) {
  test('100,000 files come back without the index and without one node, by a rebuild and by the kit', {
    skip,
    timeout: 2_400_000,
  }, async (context) => {
    const workspace = await Workspace.create(context);
    const thread = new Worker(new URL(import.meta.url), { workerData: workspace.path });
    workspace.defer(async () => void (await thread.terminate()));
    const told: string[] = [];
    thread.on('message', (text: string) => told.push(text));
    const [code] = await once(thread, 'exit');
    for (const text of told) context.diagnostic(text);
    assert.equal(code, 0);
    assert.equal(told.length, 2, 'the kit and the rebuild have ended');
  });
} else {
  await comeBack(workerData as string);
}

async function comeBack(folder: string): Promise<void> {
  const directory = join(folder, 'drive');
  const nodes = ['a', 'b', 'c'].map((name) => join(folder, name));
  await fill(directory, nodes);
  await rm(directory, { recursive: true });
  await rm(nodes[1]!, { recursive: true });
  const left = [nodes[0]!, nodes[2]!];

  await byTheKit(join(folder, 'extracted'), left);

  const started = performance.now();
  const { files, missingNodes } = await rebuildVolume({ directory, nodes: left });
  const rebuilt = told('rebuild', started);
  assert.equal(files, fileCount);
  assert.equal(missingNodes.length, 1);
  const drive = await openDrive({ directory });
  try {
    await assertAllThere(drive);
  } finally {
    await drive.close();
  }
  parentPort!.postMessage(rebuilt);
}

async function fill(directory: string, nodes: readonly string[]): Promise<void> {
  await createVolume({ directory, nodes, replicas: 2 });
  const drive = await openDrive({ directory });
  try {
    for (let folder = 0; folder < folderCount; folder += 1) await drive.volume.makeFolder([folderName(folder)], {});
    let next = 0;
    const work = async () => {
      while (next < fileCount) {
        const [folder, file] = [Math.floor(next / filesPerFolder), next % filesPerFolder];
        next += 1;
        await save(drive, folder, file);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    await drive.close();
  }
}

async function save(drive: Drive, folder: number, file: number): Promise<void> {
  const content = contentAt(folder, file);
  const upload = await drive.volume.upload({ expectedBytes: content.length });
  try {
    await upload.write(content);
    const options = { modified: modifiedAt(folder, file) };
    await drive.volume.put([folderName(folder), `${file}.txt`], await upload.finish(), options);
  } finally {
    await upload.abort();
  }
}

async function byTheKit(target: string, disks: readonly string[]): Promise<void> {
  const [inner] = (await readdir(disks[0]!)).filter((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
  const script = join(disks[0]!, inner!, 'recovery', 'recover.py');
  const started = performance.now();
  const { status, stderr } = spawnSync('python3', [script, 'extract', ...disks, '--to', target], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const extracted = told('the kit', started);
  for (let folder = 0; folder < folderCount; folder += 1) {
    const path = join(target, folderName(folder));
    assert.equal((await readdir(path)).length, filesPerFolder);
    for (let file = 0; file < filesPerFolder; file += 1) {
      const found = join(path, `${file}.txt`);
      assert.ok(contentAt(folder, file).equals(await readFile(found)), found);
      assert.equal((await stat(found)).mtimeMs, modifiedAt(folder, file), found);
    }
  }
  parentPort!.postMessage(extracted);
}

async function assertAllThere(drive: Drive): Promise<void> {
  for (let folder = 0; folder < folderCount; folder += 1) {
    const name = folderName(folder);
    const parent = await drive.volume.stat([name]);
    assert.ok(parent, name);
    let count = 0;
    for await (const page of drive.volume.list(parent)) {
      for (const row of page) {
        const file = Number.parseInt(row.name, 10);
        assert.equal(row.modified, modifiedAt(folder, file));
        assert.equal(row.sizeBytes, contentAt(folder, file).length);
        // Each name and time; of the bytes a tenth, for they take the longest.
        if (file % 10 === folder % 10) {
          assert.ok(contentAt(folder, file).equals(await getFile(drive.volume, `${name}/${row.name}`)), row.name);
        }
        count += 1;
      }
    }
    assert.equal(count, filesPerFolder);
  }
}

function told(what: string, started: number): string {
  const seconds = (performance.now() - started) / 1000;
  return `${what}: ${fileCount} files in ${seconds.toFixed(1)} s, ${Math.round(fileCount / seconds)} a second`;
}
