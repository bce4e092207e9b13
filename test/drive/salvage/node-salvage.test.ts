/** A node went on alone; what it holds beyond the fork becomes a folder of the drive that went on without it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hasCode } from '../../../src/core/errors.js';
import { randomBytes, TestDrive } from '../drive-fixture.js';

const MiB = 1024 * 1024;
const patienceMs = 180_000;
const folder = 'Recovered from node-3';

/** At the fork; some of them lie on a and b alone. */
const before: Readonly<Record<string, Buffer>> = {
  'kept.txt': randomBytes(40_000, 1),
  'changed there.txt': randomBytes(41_000, 2),
  'changed here.txt': randomBytes(42_000, 3),
  'deleted here.txt': randomBytes(43_000, 4),
  'changed on both.txt': randomBytes(44_000, 5),
  ...Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`large ${at}`, randomBytes(2 * MiB + at, 50 + at)])),
};

/** What node c gains alone. */
const there: Readonly<Record<string, Buffer>> = {
  'changed there.txt': randomBytes(51_000, 12),
  'changed on both.txt': randomBytes(54_000, 15),
  'made there.txt': randomBytes(55_000, 16),
  'deep/er/long.bin': randomBytes(2 * MiB + 7_000, 17),
  'same on both.txt': randomBytes(30_000, 18),
  'empty there': Buffer.alloc(0),
};
const copied = Object.fromEntries(Array.from({ length: 4 }, (_, at) => [`copy ${at}`, before[`large ${at}`]!]));

/** What the drive gains without it. */
const here: Readonly<Record<string, Buffer>> = {
  'changed here.txt': randomBytes(62_000, 23),
  'changed on both.txt': randomBytes(64_000, 25),
  'made here.txt': randomBytes(65_000, 26),
  'same on both.txt': there['same on both.txt']!,
};

const living: Readonly<Record<string, Buffer | undefined>> = { ...before, ...here, 'deleted here.txt': undefined };
const { 'same on both.txt': _, ...changedThere } = there;
const recovered: Readonly<Record<string, Buffer>> = { ...changedThere, ...copied };
const modified = Date.UTC(2020, 1, 2, 3, 4, 5);

/** The drive of a, b and c, in which c is refused: it went on alone from a copy of DIR. */
async function forkedDrive(t: TestContext): Promise<TestDrive> {
  const drive = await (await TestDrive.create(t)).open();
  for (const [path, bytes] of Object.entries(before)) {
    await drive.put(path, bytes);
    // Other segments, on other pairs of nodes.
    if (path.startsWith('large')) await drive.reopen();
  }
  await drive.close();
  await cp(drive.directory, join(drive.folder, 'home.kept'), { recursive: true });
  await goOnAlone(drive);
  await rm(drive.directory, { recursive: true });
  await cp(join(drive.folder, 'home.kept'), drive.directory, { recursive: true });
  await drive.plug('a');
  await drive.plug('b');
  await drive.pull('c');
  await drive.open();
  for (const [path, bytes] of Object.entries(here)) await drive.put(path, bytes);
  await drive.volume.delete(['deleted here.txt'], {});
  await drive.plug('c');
  await drive.until('c is refused', async () => (await stateOf(drive, 'c')) === 'foreign', patienceMs);
  return drive;
}

async function goOnAlone(drive: TestDrive): Promise<void> {
  await drive.open();
  for (const name of ['a', 'b']) {
    await drive.pull(name);
    await drive.until(`${name} is away`, async () => (await stateOf(drive, name)) === 'offline', patienceMs);
  }
  await drive.volume.makeFolder(['deep'], {});
  await drive.volume.makeFolder(['deep', 'er'], {});
  for (const [path, bytes] of Object.entries(there)) await drive.put(path, bytes);
  await drive.volume.setProperties(['made there.txt'], [{ namespace: 'urn:test', name: 'p', value: '<p/>' }], {
    times: { created: modified - 1_000, modified },
  });
  const options = { overwrite: false, depth: 0 } as const;
  for (let at = 0; at < 4; at += 1) await drive.volume.copy([`large ${at}`], [`copy ${at}`], options);
  await drive.closeUnchecked();
}

async function stateOf(drive: TestDrive, name: string): Promise<string | undefined> {
  const { nodes } = await drive.drive.status();
  return nodes.find(({ path }) => path === join(drive.folder, name))?.state;
}

/** All files below, with their bytes. */
async function filesBelow(drive: TestDrive, path: readonly string[]): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for await (const page of drive.volume.list((await drive.volume.stat(path))!)) {
    for (const row of page) {
      const child = [...path, row.name];
      if (row.kind === 'folder') Object.assign(files, await filesBelow(drive, child));
      else files[child.join('/')] = await drive.get(child.join('/'));
    }
  }
  return files;
}

const below = (root: string, files: Readonly<Record<string, Buffer>>) =>
  Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`${root}/${path}`, bytes]));

function assertFiles(found: Record<string, Buffer>, wanted: Readonly<Record<string, Buffer>>): void {
  assert.deepEqual(Object.keys(found).sort(), Object.keys(wanted).sort());
  for (const [path, bytes] of Object.entries(wanted)) assert.ok(found[path]?.equals(bytes), path);
}

async function bytesOn(path: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of await readdir(path, { recursive: true })) {
    // An opening probes every node before it knows its history.
    if (basename(name) === 'probe') continue;
    const file = join(path, name);
    const facts = await stat(file);
    if (facts.isFile()) {
      const hash = createHash('sha256')
        .update(await readFile(file))
        .digest('hex');
      files[name] = `${facts.mtimeMs} ${facts.size} ${hash}`;
    }
  }
  return files;
}

const whole = (files: Readonly<Record<string, Buffer | undefined>>) =>
  Object.fromEntries(Object.entries(files).filter((entry): entry is [string, Buffer] => entry[1] !== undefined));

test('what a node holds of another history becomes a folder, once, and nothing else changes', {
  timeout: 400_000,
}, async (t) => {
  const drive = await forkedDrive(t);
  const { reason } = (await drive.drive.status()).nodes[2]!;
  assert.match(reason ?? '', /another history.*"holdfast salvage DIR --from node-3"/);
  const advice = await drive.drive.disks.examine();
  assert.ok(advice.some(({ next }) => next.includes(`holdfast salvage ${drive.directory} --from node-3`)));
  const onNode = await bytesOn(drive.nodePaths[2]!);

  const planned = await drive.drive.proofs.salvageNode({ node: 'node-3', dryRun: true });
  assert.equal(planned.savedFiles, Object.keys(recovered).length);
  assert.equal(await drive.volume.stat([folder]), undefined, 'a dry run saves nothing');

  const phases = new Set<string>();
  const onProgress = ({ phase }: { readonly phase: string }) => void phases.add(phase);
  const report = await drive.drive.proofs.salvageNode({ node: 'node-3', dryRun: false, onProgress });
  assert.deepEqual(report.failed, []);
  assert.deepEqual(
    [...report.files].sort(),
    Object.keys(recovered)
      .map((path) => `/${folder}/${path}`)
      .sort(),
  );
  assert.equal(
    report.savedBytes,
    Object.values(recovered).reduce((sum, { length }) => sum + length, 0),
  );
  assert.ok(phases.has('saving'));
  const all = { ...whole(living), ...below(folder, recovered) };
  assertFiles(await filesBelow(drive, []), all);
  const made = (await drive.volume.stat([folder, 'made there.txt']))!;
  assert.deepEqual([made.created, made.modified], [modified - 1_000, modified]);
  assert.deepEqual(
    (await drive.volume.properties(made)).map(({ name }) => name),
    ['p'],
  );

  // Refused at an opening, as commands without a server meet it.
  await drive.reopen();
  await drive.until('c is refused', async () => (await stateOf(drive, 'c')) === 'foreign', patienceMs);
  const again = await drive.drive.proofs.salvageNode({ node: 'node-3', dryRun: false });
  assert.deepEqual([again.savedFiles, again.presentFiles], [0, Object.keys(recovered).length]);
  assertFiles(await filesBelow(drive, []), all);

  // One that was changed in the folder is not replaced; one that is gone comes back.
  await drive.put(`${folder}/made there.txt`, 'mine');
  await drive.volume.delete([folder, 'deep'], {});
  const third = await drive.drive.proofs.salvageNode({ node: drive.nodePaths[2]!, dryRun: false });
  assert.deepEqual([...third.files].sort(), [`/${folder} 2/made there.txt`, `/${folder}/deep/er/long.bin`]);
  const fourth = await drive.drive.proofs.salvageNode({ node: 'node-3', dryRun: false });
  assert.equal(fourth.savedFiles, 0);
  assert.equal((await drive.get(`${folder}/made there.txt`)).toString(), 'mine');

  assert.deepEqual(await bytesOn(drive.nodePaths[2]!), onNode, 'nothing on the node was touched');
  const left = await readdir(drive.directory);
  assert.deepEqual(
    left.filter((name) => name.includes('salvage')),
    [],
  );
  await drive.close();
});

test('a file of which a part is gone is named and not saved; a removed node is salvaged by its path, and used again', {
  timeout: 400_000,
}, async (t) => {
  const drive = await forkedDrive(t);
  const path = drive.nodePaths[2]!;
  await assertRefusals(drive);
  await damage(path, there['deep/er/long.bin']!.subarray(MiB + 100, MiB + 200));
  await drive.drive.removeNode({ node: 'node-3', lost: true });
  assert.ok(drive.events.some(({ message }) => /"holdfast salvage .* --from .*" still saves/.test(message)));
  const report = await drive.drive.proofs.salvageNode({ node: path, dryRun: false });
  assert.equal(report.label, 'node-3');
  assert.deepEqual(
    report.failed.map((file) => file.path),
    ['/deep/er/long.bin'],
  );
  assert.equal(await drive.volume.stat([folder, 'deep', 'er', 'long.bin']), undefined);
  const { 'deep/er/long.bin': lost, ...others } = recovered;
  assert.ok(lost);
  assertFiles(await filesBelow(drive, [folder]), below(folder, others));

  await rm(path, { recursive: true });
  await drive.drive.addNode({ path });
  await drive.until('it is used again', async () => (await stateOf(drive, 'c')) === 'online', patienceMs);
  await drive.close();
});

/** Only a node that is here and holds another history is salvaged. */
async function assertRefusals(drive: TestDrive): Promise<void> {
  const salvage = (node: string, signal?: AbortSignal) =>
    drive.drive.proofs.salvageNode({ node, dryRun: false, signal });
  await assert.rejects(salvage('node-1'), (error) => hasCode(error, 'NODE_REFUSED'));
  await assert.rejects(salvage('nobody'), (error) => hasCode(error, 'USAGE'));
  await assert.rejects(salvage('node-3', AbortSignal.abort()), (error) => hasCode(error, 'ABORTED'));
  await drive.pull('c');
  await assert.rejects(salvage('node-3'), (error) => hasCode(error, 'NODE_GONE'));
  await drive.plug('c');
  assert.equal(await drive.volume.stat([folder]), undefined);
}

/** Turns a bit of these bytes wherever they lie on the node. */
async function damage(path: string, bytes: Buffer): Promise<void> {
  let count = 0;
  for (const name of await readdir(path, { recursive: true })) {
    if (!/segments.*\.seg$/.test(name)) continue;
    const content = await readFile(join(path, name));
    const at = content.indexOf(bytes);
    if (at < 0) continue;
    content[at]! ^= 1;
    await writeFile(join(path, name), content);
    count += 1;
  }
  assert.ok(count > 0, 'there was something to damage');
}
