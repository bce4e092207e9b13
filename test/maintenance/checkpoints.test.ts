import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDrive, rebuildVolume } from '../../src/drive.js';
import { Checkpointer } from '../../src/maintenance/checkpointer.js';
import { Attic } from '../../src/maintenance/deletion/attic.js';
import { DeletionGate } from '../../src/maintenance/deletion/deletion-gate.js';
import {
  bytesOf,
  eventsOf,
  filesIn,
  get,
  isWhole,
  openTestDrive,
  pull,
  put,
  untilStatus,
  untilTrue,
} from './drive-fixture.js';
import { type HostNode, openHost } from './host-fixture.js';

const small = { checkpointAfterBytes: 20_000, atticMs: 100 };

test('checkpoints are made, the journal before the older one goes, and a rebuild gives the same tree', async (t) => {
  const fixture = await openTestDrive(t, { safety: small });
  const names = Array.from({ length: 120 }, (_, index) => `a-file-with-a-rather-long-name-${index}`);
  for (const [seed, name] of names.entries()) await put(fixture, name, bytesOf(100, seed));
  const firstJournals = new Set((await Promise.all(fixture.nodes.map((path) => filesIn(path, 'journal')))).flat());
  await untilTrue(
    async () => {
      const checkpoints = await Promise.all(fixture.nodes.map((path) => filesIn(path, 'checkpoints')));
      return checkpoints.every((files) => files.length === 2);
    },
    () => eventsOf(fixture),
  );
  const { checkpoint, sequence } = await fixture.drive.status();
  assert.ok(checkpoint && checkpoint.sequence <= sequence);
  // A new opening begins a new journal file; the one before ends, and goes when two checkpoints follow.
  await fixture.drive.close();
  fixture.drive = await openDrive({ directory: fixture.directory }, fixture.context);
  for (const [seed, name] of names.entries()) await put(fixture, `second-${name}`, bytesOf(100, 1_000 + seed));
  let more = 0;
  await untilTrue(
    async () => {
      for (let count = 0; count < 20; count += 1) await put(fixture, `more-${more++}`, bytesOf(100, 5_000 + more));
      const journals = (await Promise.all(fixture.nodes.map((path) => filesIn(path, 'journal')))).flat();
      return !journals.some((file) => firstJournals.has(file));
    },
    () => eventsOf(fixture),
  );
  await fixture.drive.close();
  await rm(fixture.directory, { recursive: true });
  await rebuildVolume({ directory: fixture.directory, nodes: [...fixture.nodes] }, fixture.context);
  fixture.drive = await openDrive({ directory: fixture.directory }, fixture.context);
  for (const [seed, name] of names.entries()) {
    assert.ok((await get(fixture, name)).equals(bytesOf(100, seed)), name);
    assert.ok((await get(fixture, `second-${name}`)).equals(bytesOf(100, 1_000 + seed)), name);
  }
  await untilStatus(fixture, 'whole', isWhole);
});

test('a node too far behind for the journal that is kept gets a checkpoint, and can be rebuilt from alone with another', async (t) => {
  const fixture = await openTestDrive(t, { safety: { ...small, journalRetainBytes: 4_000 } });
  await put(fixture, 'before', bytesOf(500, 1));
  const giveBack = await pull(fixture.nodes[0]!);
  for (let file = 0; file < 120; file += 1)
    await put(fixture, `a-file-with-a-rather-long-name-${file}`, bytesOf(100, file));
  // The bound is judged to the nearest MiB of journal, so that must pass.
  for (let file = 0; file < 12; file += 1) {
    const property = { namespace: 'urn:x', name: 'p', value: `<p xmlns="urn:x">${'v'.repeat(60_000)}${file}</p>` };
    await fixture.drive.volume.setProperties(['before'], [property], {});
    for (let more = 0; more < 2; more += 1)
      await fixture.drive.volume.setProperties(['before'], [{ ...property, value: `${property.value}` }], {});
  }
  await untilTrue(
    () => eventsOf(fixture).includes('is far behind'),
    () => eventsOf(fixture),
  );
  await giveBack();
  await untilStatus(fixture, 'back', (status) => isWhole(status) && status.nodes.every(({ behind }) => behind === 0));
  assert.ok((await filesIn(fixture.nodes[0]!, 'checkpoints')).length > 0);
  await put(fixture, 'after', bytesOf(500, 2));
  await untilStatus(fixture, 'following', (status) => status.nodes.every(({ behind }) => behind === 0));
  await fixture.drive.close();
  await rm(fixture.directory, { recursive: true });
  await rm(join(fixture.nodes[2]!), { recursive: true });
  await rebuildVolume({ directory: fixture.directory, nodes: fixture.nodes.slice(0, 2) }, fixture.context);
  fixture.drive = await openDrive({ directory: fixture.directory }, fixture.context);
  assert.ok((await get(fixture, 'after')).equals(bytesOf(500, 2)));
  assert.ok((await get(fixture, 'before')).equals(bytesOf(500, 1)));
});

test('a rotten digit in the newest checkpoint that looks like a newer format keeps no new one from being made', async (t) => {
  const host = await openHost(t, { letters: 'a', replicas: 1 });
  const made = () => new Checkpointer(host, new DeletionGate(host, new Attic(host)));
  assert.equal(await made().step(), 'worked');
  const [{ store }] = host.all as [HostNode];
  const [name] = store.names('checkpoints');
  const digit = store.bytesOf('checkpoints', name!).indexOf('"format":1') + '"format":'.length;
  // 0x31 ^ 0x08 is a 9.
  store.bytesOf('checkpoints', name!)[digit]! ^= 0x08;
  await host.save({ name: 'file', bytes: 1_000, seed: 1 });
  assert.equal(await made().step(), 'worked');
  assert.equal(store.names('checkpoints').length, 2);
  assert.match(host.reports.join('\n'), /the newest checkpoint is damaged; a new one is made/);
});

test('a node that does not give a checkpoint back as it was keeps the others from none', async (t) => {
  const host = await openHost(t, { letters: 'abc' });
  const [bad, ...good] = host.all as [HostNode, ...HostNode[]];
  const put = bad.store.put.bind(bad.store);
  bad.store.put = async (folder, name, pieces) => {
    await put(folder, name, pieces);
    bad.store.bytesOf(folder, name)[100]! ^= 1;
  };
  const checkpointer = new Checkpointer(host, new DeletionGate(host, new Attic(host)));
  assert.equal(await checkpointer.step(), 'worked');
  for (const { store } of good) assert.equal(store.names('checkpoints').length, 1);
  assert.match(host.reports.join('\n'), /node a: the checkpoint could not be written/);
  assert.equal(await checkpointer.step(), 'idle');
});
