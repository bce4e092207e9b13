/** Nodes that are renamed, emptied, replaced, unplugged and healed around, in a real drive. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, hasCode } from '../../../src/core/errors.js';
import type { NodeStatus } from '../../../src/drive-status.js';
import { randomBytes, TestDrive } from '../drive-fixture.js';

const hourMs = 3_600_000;
const refused = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

async function openDrive(t: TestContext, options: Parameters<typeof TestDrive.create>[1] = {}): Promise<TestDrive> {
  return (await TestDrive.create(t, options)).open();
}

async function nodeOf(drive: TestDrive, label: string): Promise<NodeStatus> {
  const found = (await drive.drive.status()).nodes.find((node) => node.label === label);
  assert.ok(found, `there is a node ${label}`);
  return found;
}

test('a node gets another label and weight, which outlive the opening', async (t) => {
  const drive = await openDrive(t);
  const { disks } = drive.drive;
  await assert.rejects(disks.describe({ node: 'node-2', label: 'node-1' }), refused('EXISTS'));
  await assert.rejects(disks.describe({ node: 'node-2', label: 'a\nb' }), refused('USAGE'));
  await assert.rejects(disks.describe({ node: 'nobody', label: 'x' }), refused('USAGE'));
  await disks.describe({ node: drive.nodePaths[1]!, label: 'blue', weight: 0.5 });
  await drive.reopen();
  assert.equal((await nodeOf(drive, 'blue')).path, drive.nodePaths[1]);
  assert.match(await readFile(join(drive.directory, 'volume.json'), 'utf8'), /"blue"/);
});

test('a node that is being emptied takes no new files and leaves the write set, until that is cancelled', async (t) => {
  const drive = await openDrive(t);
  const { disks } = drive.drive;
  await disks.drain({ node: 'node-2', cancel: false, wait: false });
  const before = await nodeOf(drive, 'node-2');
  assert.deepEqual([before.role, before.writeSet], ['draining', false]);
  for (let number = 0; number < 4; number += 1) await drive.put(`/file${number}`, randomBytes(100_000, number));
  assert.equal((await nodeOf(drive, 'node-2')).usedBytes, 0);
  await assert.rejects(disks.drain({ node: 'node-1', cancel: false, wait: false }), refused('WOULD_LOSE_COPIES'));
  await drive.reopen();
  assert.equal((await nodeOf(drive, 'node-2')).role, 'draining');
  await drive.drive.disks.drain({ node: 'node-2', cancel: true, wait: true });
  assert.equal((await nodeOf(drive, 'node-2')).role, 'active');
  await assert.rejects(drive.drive.disks.drain({ node: 'node-2', cancel: true, wait: false }), refused('USAGE'));
});

test('a node is emptied, and removed without --lost', async (t) => {
  const drive = await openDrive(t);
  for (let number = 0; number < 6; number += 1) await drive.put(`/file${number}`, randomBytes(200_000, number));
  await drive.reopen();
  const { disks } = drive.drive;
  const label = (await drive.drive.status()).nodes.find(({ usedBytes }) => usedBytes > 0)!.label;
  await assert.rejects(drive.drive.removeNode({ node: label, lost: false }), refused('WOULD_LOSE_COPIES'));
  const phases = new Set<string>();
  const onProgress = ({ phase }: { readonly phase: string }) => void phases.add(phase);
  const report = await disks.drain({ node: label, cancel: false, wait: true, onProgress });
  assert.deepEqual(report, { label, leftSegments: 0, leftBytes: 0, isEmpty: true });
  assert.deepEqual([...phases], [`emptying ${label}`]);
  await drive.drive.removeNode({ node: label, lost: false });
  const { segments, nodes } = await drive.drive.status();
  assert.deepEqual([segments.degraded, nodes.length], [0, 2]);
  for (let number = 0; number < 6; number += 1) {
    assert.deepEqual(await drive.get(`/file${number}`), randomBytes(200_000, number));
  }
});

test('with as many nodes as copies none is emptied', async (t) => {
  const drive = await openDrive(t, { nodes: ['a', 'b'] });
  const draining = drive.drive.disks.drain({ node: 'node-1', cancel: false, wait: true });
  await assert.rejects(draining, refused('WOULD_LOSE_COPIES'));
});

test('unplugging says which files get down to one copy, and opens a window only when it is asked to', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  const { disks } = drive.drive;
  const [holder] = (await drive.drive.status()).nodes.filter(({ usedBytes }) => usedBytes > 0);
  const nodes = [holder!.id];
  const dry = await disks.unplug({ nodes, forMs: hourMs, dryRun: true });
  assert.deepEqual([dry.verdict, dry.until, dry.single], ['safe', null, { count: 1, paths: ['/one'] }]);
  assert.equal(dry.unhealedSegments, 0);
  assert.equal((await nodeOf(drive, holder!.label)).mayBeGoneUntil, undefined);
  const { until } = await disks.unplug({ nodes, forMs: hourMs, dryRun: false });
  assert.ok(until);
  assert.equal((await nodeOf(drive, holder!.label)).mayBeGoneUntil, until);
  await drive.until(
    'what lay open there is sealed',
    async () => (await nodeOf(drive, holder!.label)).usedBytes > holder!.usedBytes,
  );
  // Nothing comes to depend on it any more, also in the next opening.
  const { usedBytes } = await nodeOf(drive, holder!.label);
  await drive.put('/two', randomBytes(300_000, 2));
  await drive.reopen();
  await drive.put('/three', randomBytes(300_000, 3));
  const after = await nodeOf(drive, holder!.label);
  assert.deepEqual([after.usedBytes, after.writeSet, after.mayBeGoneUntil], [usedBytes, false, until]);
});

test('a window ends when the node is back, and while it lasts its absence is no alarm', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  await drive.drive.disks.unplug({ nodes: ['node-3'], forMs: hourMs, dryRun: false });
  await drive.pull('c');
  await drive.untilState('c', 'offline');
  assert.equal((await drive.drive.status()).healing.startsInMs, null);
  assert.ok(!drive.events.some(({ kind }) => kind === 'node-gone'));
  await drive.plug('c');
  await drive.until('the window is closed', async () => (await nodeOf(drive, 'node-3')).mayBeGoneUntil === undefined);
  assert.ok(drive.events.some(({ kind }) => kind === 'node-back'));
});

test('files are saved all the while, whatever is asked of the nodes', async (t) => {
  const drive = await openDrive(t, { nodes: ['a', 'b', 'c', 'd'] });
  const { disks } = drive.drive;
  let isAsking = true;
  let saved = 0;
  const save = async (lane: number) => {
    for (let number = 0; isAsking || number < 3; number += 1) {
      await drive.put(`/${lane}-${number}`, randomBytes(40_000 * (lane + 1), 100 * lane + number));
      saved += 1;
    }
  };
  const saving = [0, 1, 2, 3].map(save);
  for (const node of ['node-1', 'node-2', 'node-3', 'node-4']) {
    assert.equal((await disks.unplug({ nodes: [node], forMs: hourMs, dryRun: false })).verdict, 'safe');
    await disks.stay({ nodes: [node] });
    await disks.drain({ node, cancel: false, wait: false });
    await disks.drain({ node, cancel: true, wait: false });
    await disks.away({ node, everyMs: hourMs });
    await disks.away({ node, everyMs: null });
  }
  isAsking = false;
  await Promise.all(saving);
  assert.equal((await drive.drive.status()).files, saved);
  for (let lane = 0; lane < 4; lane += 1) {
    for (let number = 0; number < 3; number += 1) {
      const wanted = randomBytes(40_000 * (lane + 1), 100 * lane + number);
      assert.deepEqual(await drive.get(`/${lane}-${number}`), wanted);
    }
  }
});

test('what lies on one node alone is named, and no window is opened', async (t) => {
  const drive = await openDrive(t, { nodes: ['a', 'b'], replicas: 1 });
  for (let number = 0; number < 30; number += 1) await drive.put(`/file${number}`, randomBytes(1_000, number));
  const report = await drive.drive.disks.unplug({ nodes: ['node-1', 'node-2'], forMs: hourMs, dryRun: false });
  assert.deepEqual([report.verdict, report.until], ['unsafe', null]);
  assert.deepEqual([report.unreadable.count, report.unreadable.paths.length], [30, 20]);
  const status = await drive.drive.status();
  assert.ok(status.nodes.every(({ mayBeGoneUntil }) => mayBeGoneUntil === undefined));
  await drive.put('/more', 'they take new files as before');
});

test('unplugging is judged for all nodes together', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  const holders = (await drive.drive.status()).nodes.filter(({ usedBytes }) => usedBytes > 0).map(({ id }) => id);
  const { disks } = drive.drive;
  const verdicts = [];
  for (const node of holders) verdicts.push((await disks.unplug({ nodes: [node], forMs: 1, dryRun: true })).verdict);
  verdicts.push((await disks.unplug({ nodes: holders, forMs: 1, dryRun: true })).verdict);
  assert.deepEqual(verdicts, ['safe', 'safe', 'unsafe']);
});

test('healing that is asked for waits for no grace', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  // Sealed, as it would be in time.
  await drive.reopen();
  const holder = (await drive.drive.status()).nodes.find(({ usedBytes }) => usedBytes > 0)!;
  const name = ['a', 'b', 'c'][drive.nodePaths.indexOf(holder.path)]!;
  await drive.pull(name);
  await drive.untilState(name, 'offline');
  assert.ok((await drive.drive.status()).healing.startsInMs! > 10_000);
  const dry = await drive.drive.disks.heal({ dryRun: true });
  assert.deepEqual([dry.segments, dry.leftSegments, dry.withoutNodes], [1, 0, [holder.label]]);
  const phases: string[] = [];
  const report = await drive.drive.disks.heal({ dryRun: false, onProgress: ({ phase }) => phases.push(phase) });
  assert.deepEqual([report.segments, report.leftSegments], [1, 0]);
  assert.ok(phases.includes('healing'));
  const { segments, health } = await drive.drive.status();
  assert.deepEqual([segments.degraded, health], [0, 'degraded']);
  await drive.plug(name);
  await drive.untilState(name, 'online');
});

test('what is safe only after some copies were made is waited for on request, and then promised', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  // Sealed, as it would be in time.
  await drive.reopen();
  const [holder, other] = (await drive.drive.status()).nodes.filter(({ usedBytes }) => usedBytes > 0);
  const name = ['a', 'b', 'c'][drive.nodePaths.indexOf(other!.path)]!;
  await drive.pull(name);
  await drive.untilState(name, 'offline');
  const { disks } = drive.drive;
  const nodes = [holder!.label];
  const now = await disks.unplug({ nodes, forMs: hourMs, dryRun: false });
  assert.deepEqual([now.verdict, now.until], ['later', null]);
  assert.equal((await nodeOf(drive, holder!.label)).mayBeGoneUntil, undefined);
  const phases = new Set<string>();
  const onProgress = ({ phase }: { readonly phase: string }) => void phases.add(phase);
  const promised = await disks.unplug({ nodes, forMs: hourMs, dryRun: false, wait: true, onProgress });
  assert.deepEqual([promised.verdict, [...phases]], ['safe', ['making copies elsewhere']]);
  assert.equal((await nodeOf(drive, holder!.label)).mayBeGoneUntil, promised.until);
  const left = ['a', 'b', 'c'][drive.nodePaths.indexOf(holder!.path)]!;
  await drive.pull(left);
  await drive.untilState(left, 'offline');
  assert.deepEqual(await drive.get('/one'), randomBytes(300_000));
  for (const each of [name, left]) await drive.plug(each);
  for (const each of [name, left]) await drive.untilState(each, 'online');
});

test('waiting until it is safe can be ended, and the node takes new files again', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  await drive.reopen();
  const [holder, other] = (await drive.drive.status()).nodes.filter(({ usedBytes }) => usedBytes > 0);
  const name = ['a', 'b', 'c'][drive.nodePaths.indexOf(other!.path)]!;
  await drive.pull(name);
  await drive.untilState(name, 'offline');
  const end = new AbortController();
  const options = { nodes: [holder!.label], forMs: hourMs, dryRun: false, wait: true, signal: end.signal };
  await assert.rejects(drive.drive.disks.unplug({ ...options, onProgress: () => end.abort() }), refused('ABORTED'));
  assert.equal((await nodeOf(drive, holder!.label)).mayBeGoneUntil, undefined);
  await drive.put('/two', randomBytes(300_000, 2));
  await drive.plug(name);
  await drive.untilState(name, 'online');
});

test('the status knows which other numbers of copies folders want', async (t) => {
  const drive = await openDrive(t);
  assert.equal((await drive.drive.status()).volume.folderReplicas, undefined);
  for (const [folder, replicas] of Object.entries({ precious: 3, scratch: 1, usual: 2 })) {
    await drive.volume.makeFolder([folder], {});
    await drive.drive.protection.set({ folder, replicas });
  }
  assert.deepEqual((await drive.drive.status()).volume.folderReplicas, [1, 3]);
});

test('that a disk may sleep is remembered in the next opening, until it is kept awake', async (t) => {
  const drive = await openDrive(t);
  await drive.drive.disks.sleep({ node: 'node-2', maySleep: true });
  assert.equal((await nodeOf(drive, 'node-2')).maySleep, true);
  await drive.reopen();
  const { nodes } = await drive.drive.status();
  assert.deepEqual(
    nodes.map(({ maySleep }) => maySleep),
    [undefined, true, undefined],
  );
  await drive.drive.disks.sleep({ node: 'node-2', maySleep: false });
  assert.equal((await nodeOf(drive, 'node-2')).maySleep, undefined);
});

test('a dead disk is replaced in one step', async (t) => {
  const drive = await openDrive(t);
  await drive.put('/one', randomBytes(300_000));
  await drive.reopen();
  const holder = (await drive.drive.status()).nodes.find(({ usedBytes }) => usedBytes > 0)!;
  const name = ['a', 'b', 'c'][drive.nodePaths.indexOf(holder.path)]!;
  await drive.pull(name);
  await drive.untilState(name, 'offline');
  const options = { node: holder.label, path: join(drive.folder, 'd'), wait: false };
  await assert.rejects(drive.drive.disks.replace({ ...options, lost: false }), refused('NODE_GONE'));
  assert.equal((await drive.drive.status()).nodes.length, 3, 'a refusal leaves nothing behind');
  await drive.drive.disks.replace({ ...options, lost: true });
  assert.equal((await drive.drive.disks.heal({ dryRun: false })).leftSegments, 0);
  const status = await drive.drive.status();
  assert.deepEqual([status.health, status.segments.degraded], ['good', 0]);
  assert.ok(!status.nodes.some(({ id }) => id === holder.id));
});
