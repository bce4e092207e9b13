import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { error, failing, GiB, online, watchOver } from './monitor-fixture.js';

test('a node that is there is returning with its space known, and online once welcomed', async (context) => {
  const { node, changes, store } = await watchOver(context);
  assert.equal(node.state, 'returning');
  assert.equal(node.space?.freeBytes, 50 * GiB);
  node.welcome();
  assert.deepEqual(changes, ['returning', 'online']);
  assert.equal(node.reason, null);
  assert.equal(store.count('release'), 0);
});

test('a node that is away is looked for until it is seen, and watched only then', async (context) => {
  const { node, clock, store, watchers } = await watchOver(
    context,
    (each) => (each.looking = error('NODE_GONE', 'absent')),
  );
  assert.equal(node.state, 'offline');
  node.welcome();
  assert.equal(node.state, 'offline');
  await clock.advance(10_000);
  assert.ok(store.count('look') >= 5);
  assert.equal(watchers.length, 0);
  store.looking = undefined;
  await clock.advance(2_000);
  assert.equal(node.state, 'returning');
  assert.equal(watchers.length, 1);
});

test('an I/O error makes a node suspect at once; a good probe ends that, before any interval passes', async (context) => {
  const { node, clock, store, changes } = await online(context);
  store.operating = error('NODE_IO');
  await failing(node.store.read('segments', 'a', 0, 1), 'NODE_IO');
  assert.equal(node.state, 'suspect');
  store.operating = undefined;
  await clock.advance(0);
  assert.deepEqual(changes, ['suspect', 'online']);
  assert.equal(store.count('release'), 0);
});

test('a missed deadline and then a failing probe take a node offline: files released, watcher closed', async (context) => {
  const { node, clock, store, changes, watchers } = await online(context);
  store.operating = store.probing = error('NODE_GONE', 'deadline');
  await failing(node.store.sync('segments', 'a'), 'NODE_GONE');
  await clock.advance(0);
  assert.deepEqual(changes, ['suspect', 'offline']);
  assert.equal(store.count('release'), 1);
  assert.ok(watchers[0]!.isClosed);
  store.calls.length = 0;
  await failing(node.store.write('segments', 'a', 0, []), 'NODE_GONE');
  assert.equal(store.count('write'), 0, 'a node that is away is not touched');
});

test('a node that comes back is watched anew and goes online only when welcomed', async (context) => {
  const { node, clock, store, changes, watchers } = await online(context);
  store.looking = error('NODE_GONE', 'absent');
  await clock.advance(2_000);
  assert.equal(node.state, 'offline');
  store.looking = undefined;
  await clock.advance(2_000);
  assert.equal(node.state, 'returning');
  await clock.advance(20_000);
  assert.equal(node.state, 'returning', 'good probes alone do not make it current');
  node.welcome();
  assert.deepEqual(changes, ['offline', 'returning', 'online']);
  assert.deepEqual(
    watchers.map(({ isClosed }) => isClosed),
    [true, false],
  );
});

test('a suspicion while returning leads back to returning, not to online', async (context) => {
  const { node, clock, store } = await online(context);
  store.looking = error('NODE_GONE', 'absent');
  await clock.advance(2_000);
  store.looking = undefined;
  await clock.advance(2_000);
  store.operating = error('NODE_IO');
  await failing(node.store.list('journal'), 'NODE_IO');
  assert.equal(node.state, 'suspect');
  await clock.advance(0);
  assert.equal(node.state, 'returning');
});

test('a node welcomed while it could not be written to is online as soon as it can', async (context) => {
  const { node, clock, store } = await watchOver(context, (each) => (each.probing = error('NODE_READ_ONLY')));
  assert.equal(node.state, 'read-only');
  node.welcome();
  assert.equal(node.state, 'read-only');
  store.probing = undefined;
  await clock.advance(2_000);
  assert.equal(node.state, 'online');
});

test('repeated suspicions last longer and longer, until the node was calm for a while', async (context) => {
  const { node, clock, store } = await online(context);
  const suspectForMs = async () => {
    store.operating = error('NODE_IO');
    await failing(node.store.read('segments', 'a', 0, 1), 'NODE_IO');
    store.operating = undefined;
    const start = clock.monotonic();
    await clock.advance(0);
    while (node.state === 'suspect') await clock.advance(100);
    return clock.monotonic() - start;
  };
  const durations = [await suspectForMs(), await suspectForMs(), await suspectForMs(), await suspectForMs()];
  assert.equal(durations[0], 0);
  assert.ok(
    durations[1]! >= 2_000 && durations[2]! > durations[1]! && durations[3]! > durations[2]!,
    String(durations),
  );
  await clock.advance(61_000);
  assert.equal(await suspectForMs(), 0);
});

test('a failure during a probe is answered by another probe', async (context) => {
  const { node, clock, store } = await online(context);
  store.operating = error('NODE_IO');
  let inProbe = true;
  store.probe = async () => {
    store.calls.push('probe');
    if (inProbe) {
      inProbe = false;
      await failing(node.store.read('segments', 'a', 0, 1), 'NODE_IO');
    }
    return store.space;
  };
  await clock.advance(2_000);
  assert.ok(store.count('probe') >= 2);
});

test('no space found by an operation makes it full; space regained makes it online', async (context) => {
  const { node, clock, store } = await online(context);
  store.operating = error('NODE_FULL');
  store.space = { ...store.space, freeBytes: 1000 };
  await failing(node.store.write('segments', 'a', 0, []), 'NODE_FULL');
  assert.equal(node.state, 'full');
  await clock.advance(4_000);
  assert.equal(node.state, 'full');
  store.space = { ...store.space, freeBytes: GiB };
  await clock.advance(2_000);
  assert.equal(node.state, 'online');
});

test('room that is made before anything was probed again ends it with the next probe', async (context) => {
  for (const notice of ['probe', 'operation']) {
    const { node, clock, store } = await online(context);
    store.operating = error('NODE_FULL');
    store.space = { ...store.space, freeBytes: 1000 };
    if (notice === 'probe') await clock.advance(2_000);
    else await failing(node.store.write('segments', 'a', 0, []), 'NODE_FULL');
    assert.equal(node.state, 'full');
    await clock.advance(0);
    store.space = { ...store.space, freeBytes: GiB };
    await clock.advance(2_000);
    assert.equal(node.state, 'online', `noticed by a ${notice}`);
  }
});

test('a full node whose free space never showed it is tried again after a while, not at once', async (context) => {
  const { node, clock, store } = await online(context);
  store.operating = error('NODE_FULL');
  await failing(node.store.write('segments', 'a', 0, []), 'NODE_FULL');
  await clock.advance(10_000);
  assert.equal(node.state, 'full');
  await clock.advance(25_000);
  assert.equal(node.state, 'online');
});

test('too little space or too few inodes show in the probe', async (context) => {
  for (const shortage of [{ freeBytes: 1_000_000 }, { freeInodes: 3 }]) {
    const { node, clock, store } = await online(context);
    store.space = { ...store.space, ...shortage };
    await clock.advance(2_000);
    assert.equal(node.state, 'full', JSON.stringify(shortage));
  }
});

test('a file system turned read-only is noticed by the write probe, and ends with it', async (context) => {
  const { node, clock, store } = await online(context);
  store.probing = error('NODE_READ_ONLY');
  await clock.advance(2_000);
  assert.equal(node.state, 'read-only');
  assert.equal(store.count('release'), 0);
  store.probing = undefined;
  await clock.advance(2_000);
  assert.equal(node.state, 'online');
});

test('a file that may not be read makes a node suspect, not read-only', async (context) => {
  const { node, store } = await online(context);
  store.operating = error('NODE_READ_ONLY');
  await failing(node.store.read('segments', 'a', 0, 1), 'NODE_READ_ONLY');
  assert.equal(node.state, 'suspect');
});

test("another volume's passport makes it foreign until its own is back", async (context) => {
  const { node, clock, store, watchers } = await online(context);
  store.looking = error('NODE_GONE', 'foreign');
  await clock.advance(2_000);
  assert.equal(node.state, 'foreign');
  assert.ok(watchers[0]!.isClosed);
  assert.ok(store.count('release') > 0);
  await failing(node.store.create('segments', 'a'), 'NODE_GONE');
  assert.equal(store.count('create'), 0);
  store.looking = undefined;
  await clock.advance(2_000);
  assert.equal(node.state, 'returning');
});

test('a refused node stays foreign and is not touched again', async (context) => {
  const { node, clock, store } = await watchOver(context);
  node.refuse('another history');
  assert.equal(node.state, 'foreign');
  assert.equal(node.reason, 'another history');
  await clock.advance(0);
  store.calls.length = 0;
  await clock.advance(60_000);
  assert.equal(node.state, 'foreign');
  assert.deepEqual(store.calls, []);
});

test('a node refused while it is being looked for does not come back', async (context) => {
  const { node, clock, store } = await watchOver(context, (each) => {
    each.looking = error('NODE_GONE', 'absent');
  });
  let finish = () => {};
  store.look = () =>
    new Promise<void>((resolve) => {
      finish = resolve;
    });
  await clock.advance(2_000);
  node.refuse('another history');
  finish();
  await clock.advance(0);
  assert.equal(node.state, 'foreign');
});

test('a retired node is left alone for ever', async (context) => {
  const { node, clock, store } = await online(context);
  node.retire();
  await clock.advance(2_000);
  store.calls.length = 0;
  await clock.advance(60_000);
  assert.equal(node.state, 'retired');
  assert.deepEqual(store.calls, []);
});

test('what a caller did wrong and trouble of this process say nothing about the node', async (context) => {
  const { node, clock, store } = await online(context);
  for (const code of ['FILE_MISSING', 'EXISTS', 'CORRUPT', 'CLOSED', 'UNAVAILABLE', 'INTERNAL'] as const) {
    store.operating = error(code);
    await failing(node.store.write('segments', 'a', 0, []), code);
    assert.equal(node.state, 'online', code);
  }
  store.probing = error('UNAVAILABLE');
  await clock.advance(4_000);
  assert.equal(node.state, 'online');
});

test('while operations are made durable the write probe is rare, but it still measures the space', async (context) => {
  const { node, clock, store } = await online(context);
  for (let second = 0; second < 60; second += 1) {
    await node.store.sync('journal', 'j');
    await clock.advance(1_000);
  }
  assert.ok(store.count('look') >= 20, `looks: ${store.count('look')}`);
  assert.ok(store.count('probe') >= 4 && store.count('probe') <= 7, `probes: ${store.count('probe')}`);
});

test('hints start one probe soon, however many there are', async (context) => {
  const { clock, store, watchers } = await online(context);
  for (let hint = 0; hint < 100; hint += 1) {
    watchers[0]!.onDoubt();
    await clock.advance(5);
  }
  assert.ok(store.count('probe') >= 1 && store.count('probe') <= 3, `probes: ${store.count('probe')}`);
});

test('hints of the folder of segments, and each minute without one, ask for a listing', async (context) => {
  const { clock, monitor, watchers, node, store } = await online(context);
  let hints = 0;
  monitor.onListingHint((hinted) => {
    assert.equal(hinted, node);
    hints += 1;
  });
  watchers[0]!.onListing();
  watchers[0]!.onListing();
  await clock.advance(200);
  assert.equal(hints, 1);
  await clock.advance(60_000);
  assert.equal(hints, 2);
  store.looking = error('NODE_GONE', 'absent');
  await clock.advance(120_000);
  assert.equal(hints, 2, 'a node that is away has no listing');
});

test('an idle node closes its files once, and again after it was used', async (context) => {
  const { node, clock, store } = await online(context);
  await node.store.read('segments', 'a', 0, 1);
  await clock.advance(9_000);
  assert.equal(store.count('idle'), 0);
  await clock.advance(30_000);
  assert.equal(store.count('idle'), 1);
  await node.store.read('segments', 'a', 0, 1);
  await clock.advance(30_000);
  assert.equal(store.count('idle'), 2);
});

test('a suspect node closes its files at once: those opened before it was plugged in again are dead', async (context) => {
  const { node, clock, store } = await online(context);
  store.operating = error('NODE_IO');
  await assert.rejects(node.store.read('segments', 'a', 0, 1));
  store.operating = undefined;
  await clock.advance(1);
  assert.equal(store.count('idle'), 1);
});

test('a node with an operation on its way is not idle', async (context) => {
  const { node, clock, store } = await online(context);
  await node.store.read('segments', 'a', 0, 1);
  let finish = () => {};
  store.meanwhile = () => new Promise<void>((resolve) => (finish = resolve));
  const reading = node.store.read('segments', 'a', 0, 1);
  await clock.advance(60_000);
  assert.equal(store.count('idle'), 0);
  finish();
  await reading;
});

test('why a node is away is what was found last', async (context) => {
  const { node, store, clock } = await watchOver(context, (scripted) => {
    scripted.looking = new DriveError('NODE_GONE', { message: 'its passport is not there' });
  });
  assert.equal(node.reason, 'its passport is not there');
  store.looking = new DriveError('NODE_GONE', { message: 'its passport is damaged' });
  await clock.advance(10_000);
  assert.deepEqual([node.state, node.reason], ['offline', 'its passport is damaged']);
  node.refuse('another history');
  node.signal('stranger', 'another node lies there');
  assert.deepEqual([node.state, node.reason], ['foreign', 'another history']);
});

test('latency follows the reads', async (context) => {
  const { node, clock, store } = await online(context);
  store.meanwhile = () => clock.advance(100);
  await node.store.read('segments', 'a', 0, 1);
  assert.equal(node.latencyMs, 100);
  store.meanwhile = () => clock.advance(10);
  for (let turn = 0; turn < 50; turn += 1) await node.store.read('segments', 'a', 0, 1);
  assert.ok(node.latencyMs > 9 && node.latencyMs < 12, String(node.latencyMs));
});

test('trouble with watching is reported, and a closed monitor leaves nothing behind', async (context) => {
  const { monitor, clock, store, watchers, reports } = await online(context);
  watchers[0]!.onTrouble(new Error('ENOSPC'));
  assert.equal(reports.length, 1);
  await monitor.close();
  await monitor.close();
  assert.ok(watchers[0]!.isClosed);
  assert.equal(store.count('close'), 1);
  assert.equal(clock.pending, 0);
  assert.deepEqual(monitor.nodes, []);
});
