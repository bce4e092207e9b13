/** Numbers of copies that are too low by mistake, or by bad luck: no copy that a file needs leaves its node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import { Attic } from '../../../src/maintenance/deletion/attic.js';
import { DeletionGate } from '../../../src/maintenance/deletion/deletion-gate.js';
import { ListingCheck } from '../../../src/maintenance/deletion/listing-check.js';
import { Healer } from '../../../src/maintenance/healing/healer.js';
import { ProtectionKeeper } from '../../../src/maintenance/protection/protection-keeper.js';
import type { ChangeRequest } from '../../../src/meta/requests.js';
import { chunkOf } from '../../store/store-fixture.js';
import type { CleanUp } from '../../support/temporary-folder.js';
import { type HostFixture, openHost } from '../host-fixture.js';

const file = { name: 'file', bytes: 300_000, seed: 1 };
const signal = new AbortController().signal;

/** All copies lie on their nodes; each listing is compared with the index, as after every change. */
async function compareAll(host: HostFixture): Promise<void> {
  const listings = new ListingCheck(host, new DeletionGate(host, new Attic(host)));
  for (const node of host.all) await listings.clearUnreferred(node);
}

async function keep(host: HostFixture): Promise<void> {
  const keeper = new ProtectionKeeper(host, { onRaised: () => undefined, onGivenUp: () => undefined });
  while ((await keeper.step(signal)) === 'worked');
}

async function heal(host: HostFixture): Promise<void> {
  const healer = new Healer(host);
  while ((await healer.step(signal)) === 'worked');
}

const request = (host: HostFixture) => ({ principal: '', now: host.clock.now() });
const protect = (host: HostFixture, folder: string, replicas: number | null) =>
  host.submit({ kind: 'protect', ...request(host), path: folder === '' ? [] : [folder], replicas });

/** A scratch folder with the file in it, and no other one. */
async function withScratch(t: CleanUp): Promise<{ host: HostFixture; segment: string }> {
  const host = await openHost(t);
  const segment = await host.save(file);
  await host.submit({ kind: 'make-folder', ...request(host), path: ['scratch'] });
  await move(host, ['file'], ['scratch', 'file']);
  await protect(host, 'scratch', 1);
  return { host, segment };
}

const move = (host: HostFixture, path: readonly string[], target: readonly string[]) =>
  host.submit({ kind: 'move', ...request(host), path, target, overwrite: false, locksFollow: false });

async function assertReadable(host: HostFixture, path: readonly string[]): Promise<void> {
  const [chunk] = host.reader.contentChunks(host.reader.lookup(path)!.content!, 0, 1);
  const nodes = chunk!.replicas.filter(({ state }) => state === 'good').map(({ node }) => node);
  const plain = await host.readChunk({ place: chunk!.place!, nodes }, signal);
  assert.ok(plain.equals(chunkOf(file.bytes, file.seed).plain));
}

const filesOf = (host: HostFixture, segment: string) => host.holders(segment).length;

test('what a scratch file has too much leaves through the gate', async (t) => {
  const { host, segment } = await withScratch(t);
  await keep(host);
  assert.equal(host.reader.segment(segment)?.replicas.length, 1);
  assert.equal(filesOf(host, segment), 2, 'only the gate moves files');
  await compareAll(host);
  assert.equal(filesOf(host, segment), 1);
  await assertReadable(host, ['scratch', 'file']);
});

for (const [needed, lowered] of [
  [2, 1],
  [3, 2],
  [3, 1],
] as const) {
  test(`a segment that needs ${needed} copies is lowered to ${lowered} by mistake: the gate keeps all, and it is raised again`, async (t) => {
    const host = await openHost(t);
    const segment = await host.save(file);
    if (needed !== 2) await protect(host, '', needed);
    await keep(host);
    await heal(host);
    assert.equal(filesOf(host, segment), needed);
    const nodes = host.reader.segment(segment)!.replicas.map(({ node }) => node);
    await host.operations(
      { o: 'want', segment, replicas: lowered },
      { o: 'relocate', segment, nodes: nodes.slice(0, lowered) },
    );
    await compareAll(host);
    assert.equal(filesOf(host, segment), needed);
    assert.match(host.reports.join('\n'), /the gate keeps .*: files in it need more copies than it wants/);
    await keep(host);
    await compareAll(host);
    assert.deepEqual(
      host.reader.segment(segment)!.replicas.map(({ state }) => state),
      Array.from({ length: needed }, () => 'good'),
    );
  });
}

test('a file moves out of the scratch folder after its segment was lowered: its second copy stays', async (t) => {
  const { host, segment } = await withScratch(t);
  await keep(host);
  await move(host, ['scratch', 'file'], ['file']);
  await compareAll(host);
  assert.equal(filesOf(host, segment), 2);
  await keep(host);
  await compareAll(host);
  assert.equal(host.reader.segment(segment)?.replicas.length, 2);
});

test('what the needs were before a file moved lowers nothing', async (t) => {
  const { host, segment } = await withScratch(t);
  const old = await host.segmentNeeds();
  await move(host, ['scratch', 'file'], ['file']);
  const stale: HostFixture = Object.assign(Object.create(host), { segmentNeeds: async () => old });
  const keeper = new ProtectionKeeper(stale, { onRaised: () => undefined, onGivenUp: () => undefined });
  await keeper.step(signal);
  assert.deepEqual([host.reader.segment(segment)?.wanted, host.reader.segment(segment)?.replicas.length], [2, 2]);
});

test('the copy that was to stay turns out to be damaged: the other one is not given up', async (t) => {
  const { host, segment } = await withScratch(t);
  await keep(host);
  const [kept] = host.reader.segment(segment)!.replicas;
  const damaged = host.node(kept!.node);
  damaged.store.damage('segments', damaged.store.names('segments')[0]!, 200_000);
  await compareAll(host);
  assert.equal(filesOf(host, segment), 2);
  await compareAll(host);
  await heal(host);
  await assertReadable(host, ['scratch', 'file']);
});

test('a pass that fails, and a change that is not taken, are made again', async (t) => {
  const { host, segment } = await withScratch(t);
  let failures = 2;
  const fail = () => {
    failures -= 1;
    if (failures >= 0) throw new DriveError('UNAVAILABLE');
  };
  const failing: HostFixture = Object.assign(Object.create(host), {
    segmentNeeds: async () => {
      if (failures === 2) fail();
      return host.segmentNeeds();
    },
    submit: async (change: ChangeRequest) => {
      fail();
      return host.submit(change);
    },
  });
  const keeper = new ProtectionKeeper(failing, { onRaised: () => undefined, onGivenUp: () => undefined });
  await assert.rejects(keeper.step(signal), { code: 'UNAVAILABLE' });
  await assert.rejects(keeper.step(signal), { code: 'UNAVAILABLE' });
  assert.equal(await keeper.step(signal), 'idle', 'not at once');
  await host.clock.advance(10_000);
  assert.equal(await keeper.step(signal), 'worked');
  assert.equal(host.reader.segment(segment)?.wanted, 1);
});

test('a segment that an upload refers to is not lowered meanwhile', async (t) => {
  const { host, segment } = await withScratch(t);
  host.segments.pin(segment);
  await keep(host);
  assert.equal(host.reader.segment(segment)?.wanted, 2);
  host.segments.unpin(segment);
});
