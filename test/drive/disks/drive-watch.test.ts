/** What is told because time goes by: windows that end, copies that are overdue, how the volume is. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemContext } from '../../../src/drive/drive-context.js';
import { DriveEvents } from '../../../src/drive/drive-events.js';
import type { DriveNodes } from '../../../src/drive/drive-nodes.js';
import { Absences } from '../../../src/drive/members/absences.js';
import { OperatorSettings } from '../../../src/drive/members/operator-settings.js';
import { DriveWatch } from '../../../src/drive/status/drive-watch.js';
import type { DriveStatus, NodeStatus } from '../../../src/drive-status.js';
import { driveStatus, nodeStatus } from '../../cli/fake-context.js';
import { ManualClock } from '../../support/manual-clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const dayMs = 86_400_000;
const node = 'aaaaaaaaaaaaaaaa';

async function watched(t: TestContext, state: 'online' | 'offline') {
  const clock = new ManualClock();
  const settings = await OperatorSettings.open(systemContext, await temporaryFolder(t), assert.fail);
  const absences = new Absences(clock, settings);
  const events = new DriveEvents(clock);
  const described: unknown[] = [];
  const one = { id: node, label: 'usb', state, describe: (changes: unknown) => described.push(changes) };
  const nodes = { get: (id: string) => (id === node ? one : undefined) } as unknown as DriveNodes;
  const seen = { status: driveStatus() };
  const watch = new DriveWatch({
    clock,
    nodes,
    absences,
    events,
    status: async (): Promise<DriveStatus> => seen.status,
  });
  const kinds = () => events.list().flatMap(({ kind }) => kind ?? []);
  return { clock, absences, watch, events, seen, kinds, described };
}

test('a window whose time is over is told once, and only when the node is not here', async (t) => {
  for (const state of ['offline', 'online'] as const) {
    const { clock, absences, watch, kinds, described } = await watched(t, state);
    await absences.openWindow([node], clock.now() + 1_000);
    await watch.look();
    assert.deepEqual([absences.of(node), kinds()], ['excused', []]);
    await clock.advance(1_000);
    await watch.look();
    await watch.look();
    assert.deepEqual([absences.of(node), kinds()], ['unexplained', state === 'offline' ? ['window-over'] : []]);
    assert.deepEqual(described, [{ isLeaving: false }], 'it takes new files again');
  }
});

test('what was given up is waited for again after its return', async (t) => {
  const { absences, clock } = await watched(t, 'offline');
  await absences.openWindow([node], clock.now() + 1_000);
  absences.noteLeft(node);
  await absences.giveUp([node]);
  assert.deepEqual([absences.of(node), absences.windowOf(node)], ['given-up', undefined]);
  assert.equal(await absences.noteReturn(node), true);
  assert.equal(absences.of(node), 'unexplained');
});

test('a node that was never gone keeps its window: it is about to leave', async (t) => {
  const { absences, clock } = await watched(t, 'online');
  await absences.openWindow([node], clock.now() + 1_000);
  assert.equal(await absences.noteReturn(node), false);
  assert.equal(absences.of(node), 'excused');
});

test('an overdue copy is told of once a day until it is here', async (t) => {
  const { clock, watch, seen, kinds, events } = await watched(t, 'offline');
  const copy = { current: clock.now(), due: clock.now() + 7 * dayMs, mayLeave: false };
  seen.status = driveStatus({ nodes: [nodeStatus('usb', { state: 'offline', role: 'away', copy })] });
  await watch.look();
  assert.deepEqual(kinds(), []);
  await clock.advance(9 * dayMs);
  await watch.look();
  await watch.look();
  assert.deepEqual(kinds(), ['copy-overdue']);
  assert.match(events.list()[0]!.message, /usb is overdue: its copy is 9 days old; plug it in/);
  await clock.advance(dayMs);
  await watch.look();
  assert.deepEqual(kinds(), ['copy-overdue', 'copy-overdue']);
});

test('each change of the health is told, but not what was unplugged on purpose', async (t) => {
  const { clock, watch, seen, kinds } = await watched(t, 'offline');
  await watch.look();
  const away = { state: 'offline', mayBeGoneUntil: clock.now() + dayMs } as const;
  seen.status = driveStatus({ health: 'degraded', nodes: [nodeStatus('a'), nodeStatus('b', away)] });
  await watch.look();
  assert.deepEqual(kinds(), []);
  seen.status = driveStatus({ health: 'degraded', nodes: [nodeStatus('a'), nodeStatus('b', { state: 'offline' })] });
  await watch.look();
  await watch.look();
  seen.status = driveStatus({ health: 'damaged' });
  await watch.look();
  seen.status = driveStatus();
  await watch.look();
  assert.deepEqual(kinds(), ['degraded', 'damaged', 'good']);
});

test('a drained node is told of once when it has become empty, and anew when it is drained again', async (t) => {
  const { watch, seen, kinds, events } = await watched(t, 'online');
  const look = async (changes: Partial<NodeStatus>) => {
    seen.status = driveStatus({ nodes: [nodeStatus('usb', changes)] });
    await watch.look();
  };
  await look({ usedBytes: 0 });
  await look({ role: 'draining', usedBytes: 1 });
  assert.deepEqual(kinds(), []);
  await look({ role: 'draining', usedBytes: 0 });
  await look({ role: 'draining', usedBytes: 0 });
  assert.deepEqual(kinds(), ['node-empty']);
  assert.match(events.list()[0]!.message, /^usb is empty: it may be removed \(holdfast node remove \S+ usb\)$/);
  await look({ usedBytes: 0 });
  await look({ role: 'draining', usedBytes: 0 });
  assert.deepEqual(kinds(), ['node-empty', 'node-empty']);
});
