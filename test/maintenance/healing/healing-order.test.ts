/** What is healed first, what a restart and a node that leaves cost, and when a disk is full enough. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Healer } from '../../../src/maintenance/healing/healer.js';
import { segmentFileName } from '../../../src/segment/segment-id.js';
import { fileBytes } from '../../store/store-fixture.js';
import { type HostFixture, openHost } from '../host-fixture.js';

const { signal } = new AbortController();

async function run(healer: Healer, most = 200): Promise<void> {
  for (let steps = 0; steps < most; steps += 1) if ((await healer.step(signal)) === 'idle') return;
}

let saved = 0;

async function saveMany(host: HostFixture, count: number): Promise<string[]> {
  const segments: string[] = [];
  for (let index = 0; index < count; index += 1) {
    saved += 1;
    segments.push(await host.save({ name: `file-${saved}`, bytes: 150_000, seed: saved }));
  }
  return segments;
}

const lengthOf = (host: HostFixture, segment: string): number => host.reader.segment(segment)!.lengthBytes;

/** Names and bytes of the segment files that were put on nodes since the logs were last cleared. */
function putSince(host: HostFixture): { names: string[]; bytes: number } {
  const puts = host.all
    .flatMap(({ store }) => store.log)
    .filter(({ operation, phase }) => operation === 'put' && phase === 'end');
  const names = puts.map(({ name }) => name).filter((name) => name.endsWith('.seg'));
  return { names, bytes: names.reduce((sum, name) => sum + lengthOf(host, name.slice(0, -'.seg'.length)), 0) };
}

test('fewest good copies come first, and of equal ones those that lost theirs first', async (t) => {
  const host = await openHost(t, { letters: 'abcdef', replicas: 3, safety: { healGraceMs: 0 } });
  // Nodes that take nothing for a while, so that every mixture of holders comes to be.
  const segments: string[] = [];
  for (const closed of [0, 1, 2, 3, 4, 5]) {
    host.all[closed]!.state = 'full';
    segments.push(...(await saveMany(host, 6)));
    host.all[closed]!.state = 'online';
  }
  const [first, second] = [host.all[0]!, host.all[1]!];
  second.leave(host.clock.now());
  await host.clock.advance(5_000);
  first.leave(host.clock.now());
  await host.clock.advance(1);
  const lossOf = (segment: string) => {
    const holders = host.holders(segment);
    const gone = [first, second].filter((node) => holders.includes(node));
    return { lost: gone.length, since: Math.min(...gone.map(({ since }) => since)) };
  };
  const expected = segments
    .map((segment) => ({ segment, ...lossOf(segment) }))
    .filter(({ lost }) => lost > 0)
    .sort((a, b) => b.lost - a.lost || a.since - b.since);
  assert.ok(new Set(expected.map(({ lost, since }) => `${lost} ${since}`)).size >= 3, 'all kinds are there');
  const healed: string[] = [];
  const { submit } = host;
  Object.assign(host, {
    submit: (request: Parameters<typeof submit>[0]) => {
      if (request.kind === 'operations') {
        for (const operation of request.operations) if (operation.o === 'relocate') healed.push(operation.segment);
      }
      return submit(request);
    },
  });
  await run(new Healer(host));
  const kindOf = (segment: string) => {
    const { lost, since } = expected.find((each) => each.segment === segment)!;
    return `${lost} lost, since ${since}`;
  };
  const order = [...new Set(healed)].map(kindOf);
  assert.deepEqual(
    order,
    expected.map(({ segment }) => kindOf(segment)),
  );
});

test('a restart goes on where healing stood, and copies nothing twice', async (t) => {
  const host = await openHost(t, { letters: 'abc', safety: { healGraceMs: 0 } });
  const segments = await saveMany(host, 12);
  const gone = host.all[0]!;
  const lost = segments.filter((segment) => host.holders(segment).includes(gone));
  assert.ok(lost.length >= 4);
  gone.leave(host.clock.now());
  await host.clock.advance(1);
  for (const { store } of host.all) store.log.length = 0;
  // A step heals one segment; each healer is what a start of the program makes.
  for (let start = 0; start < lost.length; start += 2) await run(new Healer(host), 2);
  await run(new Healer(host));
  const { names, bytes } = putSince(host);
  assert.deepEqual([...names].sort(), lost.map(segmentFileName).sort());
  assert.equal(
    bytes,
    lost.reduce((sum, segment) => sum + lengthOf(host, segment), 0),
  );
  assert.deepEqual(host.reader.degraded({ wanted: 2, absent: [gone.id], limit: 100 }), []);
});

test('a copy whose new node leaves half way is made on another one at once, not when its parking ends', async (t) => {
  const host = await openHost(t, { letters: 'abcd', safety: { healGraceMs: 0 } });
  const segment = await host.save({ name: 'one', bytes: 150_000, seed: 1 });
  const [gone, kept] = host.holders(segment);
  gone!.leave(host.clock.now());
  await host.clock.advance(1);
  const others = host.all.filter((node) => node !== gone && node !== kept);
  for (const { store } of others) store.plan({ operation: 'put', effect: 'NODE_GONE' });
  const healer = new Healer(host);
  await healer.step(signal);
  assert.equal(healer.status().parked.length, 1);
  const tried = others.find(({ store }) => store.log.some(({ operation }) => operation === 'put'))!;
  const untried = others.find((node) => node !== tried)!;
  untried.store.log.length = 0;
  tried.leave(host.clock.now());
  await host.clock.advance(1);
  // Its own planned fault strikes too; with the first node back the segment is healed there.
  await run(healer);
  tried.state = 'online';
  await run(healer);
  assert.ok(host.holders(segment).includes(tried));
  assert.ok(fileBytes(tried, segment).equals(fileBytes(kept!, segment)));
  assert.equal(healer.status().parked.length, 0);
});

test('what failed because its node was full is tried again as soon as that node takes data', async (t) => {
  const host = await openHost(t, { letters: 'ab' });
  const segment = await host.save({ name: 'one', bytes: 150_000, seed: 1 });
  const [sick] = host.holders(segment);
  sick!.store.lose('segments', segmentFileName(segment));
  await host.withWriter((writer) => writer.setReplicaStates([{ segment, node: sick!.id, state: 'missing' }]));
  sick!.store.plan({ operation: 'put', effect: 'NODE_FULL' });
  const healer = new Healer(host);
  await healer.step(signal);
  sick!.state = 'full';
  await run(healer);
  assert.ok(host.states(segment).some((state) => !state.endsWith('good')));
  sick!.state = 'online';
  await run(healer);
  assert.deepEqual([host.states(segment).every((state) => state.endsWith('good')), healer.status().parked], [true, []]);
});

test('no disk is filled beyond its reserve; what does not fit waits and is told', async (t) => {
  const host = await openHost(t, { letters: 'abc', safety: { healGraceMs: 0 } });
  const segments = await saveMany(host, 6);
  const gone = host.all[0]!;
  const lost = segments.filter((segment) => host.holders(segment).includes(gone));
  const { reserveBytes } = host.segments.limits();
  const room = reserveBytes + Math.max(...lost.map((segment) => lengthOf(host, segment))) - 1;
  for (const node of host.all) node.space = { ...node.space!, freeBytes: room };
  gone.leave(host.clock.now());
  await host.clock.advance(1);
  for (const { store } of host.all) store.log.length = 0;
  const healer = new Healer(host);
  await run(healer);
  assert.equal(putSince(host).names.length, 0);
  assert.equal(healer.status().queuedSegments, lost.length);
  for (const node of host.all) node.space = { ...node.space!, freeBytes: room + 1 };
  healer.lookAgain();
  await run(healer);
  assert.equal(putSince(host).names.length, lost.length);
});
