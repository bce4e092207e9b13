/** Rebuilding the index: what a refusal leaves as it was, and nodes that are lost for good. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { DriveError, hasCode } from '../../src/core/errors.js';
import type { Progress } from '../../src/core/progress.js';
import { rebuildVolume } from '../../src/drive.js';
import { passportFileName } from '../../src/node/passport.js';
import { withCode } from '../suites/index-driver.js';
import { TestDrive } from './drive-fixture.js';

test('a refused rebuild leaves the volume as it was', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('file', 'content');
  await drive.close();
  await drive.pull('b');
  const before = await readdir(drive.directory);
  await assert.rejects(rebuildVolume({ directory: drive.directory }, drive.context), withCode('READ_ONLY'));
  assert.deepEqual(await readdir(drive.directory), before);
  await drive.open();
  assert.equal((await drive.get('file')).toString(), 'content');
});

test('a rebuild tells how far it has come, and ends where it said that it would', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  for (const name of ['a', 'b', 'c']) await drive.put(name, name);
  await drive.close();
  const told: Progress[] = [];
  await rebuildVolume({ directory: drive.directory, onProgress: (progress) => told.push(progress) });
  const loaded = told.filter(({ phase }) => phase === 'loading a checkpoint');
  assert.ok(loaded.length > 0 && loaded.every(({ done, total }) => total !== null && done < total), 'bytes');
  const batches = told.filter(({ phase }) => phase === 'replaying the journal');
  assert.deepEqual(
    batches.map(({ done }) => done),
    batches.map((_, at) => at),
  );
  assert.equal(batches.at(-1)?.total, batches.length);
});

test('a refused rebuild into a new folder leaves no folder behind', async (t) => {
  const drive = await TestDrive.create(t, { nodes: ['a', 'b'] });
  const directory = join(drive.folder, 'new');
  const nodes = [drive.nodePaths[0]!];
  await assert.rejects(rebuildVolume({ directory, nodes }, drive.context), withCode('READ_ONLY'));
  assert.ok(!(await readdir(drive.folder)).includes('new'));
});

test('half of the nodes and the index are lost for good: the volume goes on without them', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('file', 'content');
  await drive.close();
  await drive.pull('b');
  await rm(drive.directory, { recursive: true });
  const options = { directory: drive.directory, nodes: [drive.nodePaths[0]!] };
  await assert.rejects(rebuildVolume(options, drive.context), (error) => {
    assert.ok(error instanceof DriveError && hasCode(error, 'READ_ONLY'), String(error));
    assert.match(error.hint ?? '', /--without node-2/);
    return true;
  });
  await assert.rejects(rebuildVolume({ ...options, without: ['node-7'] }, drive.context), withCode('USAGE'));
  for (const without of ['node-2', drive.nodePaths[1]!]) {
    const report = await rebuildVolume({ ...options, without: [without] }, drive.context);
    assert.deepEqual([report.files, report.missingNodes], [1, []]);
    assert.match(report.leftOut.join(), /^node-2 \(last at /);
  }
  await drive.open();
  assert.equal((await drive.get('file')).toString(), 'content');
  await drive.put('later', 'saved');
});

test('with all of the write set given up the others go on, once; nobody is given up by that later', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b', 'c'] })).open();
  const others = async () => (await drive.drive.status()).nodes.filter((node) => !node.writeSet);
  // Each opening begins another segment; both copies of one may lie on the write set.
  let content = '';
  for (let opening = 0, usedBytes = 0; ; opening += 1) {
    content = `content ${opening}`;
    await drive.put('file', content);
    if ((await others())[0]!.usedBytes > usedBytes) break;
    await drive.reopen();
    usedBytes = (await others())[0]!.usedBytes;
    assert.ok(opening < 40);
  }
  const status = await drive.drive.status();
  const nameOf = ({ path }: { readonly path: string }) => path.split('/').at(-1)!;
  const members = status.nodes.filter((node) => node.writeSet);
  const follower = status.nodes.find((node) => !node.writeSet)!;
  await drive.close();
  for (const member of members) await drive.pull(nameOf(member));
  await rm(drive.directory, { recursive: true });
  const nodes = [follower.path];
  const without = members.map(({ label }) => label);
  await assert.rejects(rebuildVolume({ directory: drive.directory, nodes, without: [without[0]!] }, drive.context));
  await rebuildVolume({ directory: drive.directory, nodes, without }, drive.context);
  const volumeFile = join(drive.directory, 'volume.json');
  const said = await readFile(volumeFile, 'utf8');
  await drive.open();
  assert.equal((await drive.get('file')).toString(), content);
  await drive.put('later', 'saved');
  for (const member of members) await drive.plug(nameOf(member));
  for (const member of members) await drive.untilState(nameOf(member), 'online');
  await drive.until('all have all', async () => (await drive.drive.status()).nodes.every(({ behind }) => behind === 0));
  await drive.pull(nameOf(follower));
  await drive.untilState(nameOf(follower), 'offline');
  await drive.put('newest', 'only there');
  await drive.closeUnchecked();
  for (const member of members) await drive.pull(nameOf(member));
  await drive.plug(nameOf(follower));
  await writeFile(volumeFile, said);
  await drive.open();
  await assert.rejects(drive.volume.makeFolder(['on old contents'], {}), withCode('READ_ONLY'));
  await drive.closeUnchecked();
});

test('a node that was left out and returns with changes of its own is refused', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await drive.put('file', 'content');
  await drive.pull('a');
  await drive.untilState('a', 'offline');
  await drive.put('only on b', 'content');
  await drive.closeUnchecked();
  await drive.plug('a');
  await drive.pull('b');
  await rm(drive.directory, { recursive: true });
  const nodes = [drive.nodePaths[0]!];
  await rebuildVolume({ directory: drive.directory, nodes, without: ['node-2'] }, drive.context);
  await drive.open();
  await drive.put('only on a', 'content');
  await drive.plug('b');
  await drive.untilState('b', 'foreign');
  await drive.closeUnchecked();
});

test('one damaged passport does not stop a rebuild from the known nodes, and is named', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  // Not in the write set: nothing can have been saved on it alone.
  const { label, path: damaged } = (await drive.drive.status()).nodes.find((node) => !node.writeSet)!;
  await drive.close();
  await writeFile(join(damaged, passportFileName), 'garbage');
  const report = await rebuildVolume({ directory: drive.directory }, drive.context);
  assert.match(report.missingNodes.join(), new RegExp(`^${label} .*is damaged`));
  const nodes = drive.nodePaths;
  await assert.rejects(rebuildVolume({ directory: drive.directory, nodes }, drive.context), (error) => {
    assert.ok(error instanceof DriveError && hasCode(error, 'CORRUPT'), String(error));
    assert.ok(error.message.includes(damaged), error.message);
    assert.doesNotMatch(error.hint ?? '', /rebuild/);
    return true;
  });
});

test('one node named twice is no majority', async (t) => {
  const drive = await TestDrive.create(t, { nodes: ['a', 'b'] });
  const nodes = [drive.nodePaths[0]!, drive.nodePaths[0]!];
  await assert.rejects(rebuildVolume({ directory: drive.directory, nodes }, drive.context), withCode('NODE_REFUSED'));
});

test('the index is readable by its owner alone, also when it was made anew', {
  skip: process.platform === 'win32',
}, async (t) => {
  const drive = await TestDrive.create(t);
  const modeOf = async () => (await stat(join(drive.directory, 'index.db'))).mode & 0o777;
  assert.equal(await modeOf(), 0o600);
  await rebuildVolume({ directory: drive.directory }, drive.context);
  assert.equal(await modeOf(), 0o600);
});
