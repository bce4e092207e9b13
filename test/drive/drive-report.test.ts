/** What `status` says about the nodes there are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ReportInput, reportStatus } from '../../src/drive/status/drive-report.js';
import type { SegmentRow } from '../../src/meta/rows.js';
import type { NodeState } from '../../src/node/node-state.js';

/** A volume whose nodes are in these states, with as many degraded segments, all of whose good copies lie on the first. */
function report(
  states: readonly NodeState[],
  {
    replicas = 2,
    bad = 0,
    good = '',
    damagedFiles = [] as string[],
    healsByItself = true,
    startsInMs = null as number | null,
    availableBytes = 1,
    histories = undefined as ReportInput['histories'],
  } = {},
): { health: string; protection: string } {
  const nodes = states.map((state, index) => ({
    id: `${index + 1}`,
    label: `node-${index + 1}`,
    path: `/disk${index + 1}`,
    group: `disk-${index + 1}`,
    role: 'active',
    state,
    reason: null,
    since: 0,
  }));
  const copies = [
    { node: '1', state: 'damaged' },
    { node: good, state: 'good' },
  ];
  const segment = { replicas: good === '' ? copies.slice(0, 1) : copies } as unknown as SegmentRow;
  const reader = {
    volume: () => ({ id: 'a', name: 'home', replicas }),
    tip: () => undefined,
    counts: () => ({ files: 0, folders: 0, logicalBytes: 0, storedBytes: 0, liveBytes: 0, segments: bad }),
    degraded: () => Array.from({ length: bad }, () => segment),
    nodes: () => [],
    proofs: () => [],
    hasProtection: () => false,
    journaled: () => [],
  };
  return reportStatus({
    directory: '/home',
    reader,
    nodes,
    members: [],
    positions: [],
    space: { availableBytes, healsByItself },
    healing: { active: false, queuedSegments: 0, healedSegments: 0, startsInMs },
    scrub: { readCopies: 0, readBytes: 0, badCopies: 0, periodMs: 1_000, bytesPerSecond: 1 },
    reads: { failovers: 0, checksumErrors: 0 },
    damagedFiles,
    histories,
    checkpoint: null,
    rehearsal: null,
    readOnlyReason: null,
    uptimeMs: 0,
  } as unknown as ReportInput);
}

test('all is well only when new files get all their copies', () => {
  assert.equal(report(['online', 'online']).health, 'good');
  assert.equal(report(['online', 'online', 'full']).health, 'good');
  const one = report(['online', 'full']);
  assert.equal(one.health, 'degraded');
  assert.match(one.protection, /^Only node-1 can be written to: new files have one copy instead of 2/);
  const two = report(['online', 'online', 'read-only'], { replicas: 3 });
  assert.equal(two.health, 'degraded');
  assert.match(two.protection, /^Only node-1, node-2 .* 2 copies instead of 3/);
});

test('a journal that rotted and could not be made again is named', () => {
  const proofOf = (id: string) => ({ proven: 1, problem: id === '2' ? 'damaged' : null });
  const { health, protection } = report(['online', 'online'], { histories: { proofOf, badCount: 1 } });
  assert.equal(health, 'degraded');
  assert.match(protection, /^The journal on "node-2" is not whole and not made again yet: keep \/home; /);
  const mended = report(['online', 'online'], {
    histories: { proofOf: () => ({ proven: 1, problem: null }), badCount: 1 },
  });
  assert.equal(mended.health, 'good');
});

test('when no node takes new files, that is what is said', () => {
  const { health, protection } = report(['full', 'read-only']);
  assert.equal(health, 'read-only');
  assert.match(protection, /^Nothing can be saved now: node-1 is full, node-2 is read-only\./);
});

test('a node that is away is named, also when every file has its copies without it', () => {
  const healed = report(['online', 'online', 'offline']);
  assert.equal(healed.health, 'degraded');
  assert.match(healed.protection, /Every file has its copies without "node-3", which is offline: plug it in again\.$/);
  assert.match(
    report(['online', 'offline', 'offline']).protection,
    /"node-2" and "node-3", which are offline: plug them/,
  );
  const behind = report(['offline', 'online'], { bad: 1, good: '2' }).protection;
  assert.match(behind, /^Only node-2 can be written to.* Plug in "node-1" again\.$/);
  const healing = { startsInMs: 23_400, bad: 1, good: '2' };
  assert.match(report(['offline', 'online', 'online'], healing).protection, /in 24 s unless you plug in "node-1"\.$/);
  const later = report(['offline', 'online', 'online'], { ...healing, startsInMs: 595_000 });
  assert.match(later.protection, /in 10 min unless/);
  assert.doesNotMatch(report(['online', 'online', 'suspect']).protection, /plug|Plug/);
});

test('no room for new files is no good health, and the full disk is named', () => {
  const { health, protection } = report(['online', 'online', 'full'], { availableBytes: 0 });
  assert.equal(health, 'degraded');
  assert.match(protection, /^No room is left for new files \(full: "node-3"\): delete something, or add a disk\./);
  assert.match(
    report(['online', 'online'], { availableBytes: 0 }).protection,
    /^No room is left for new files: delete/,
  );
});

test('missing disks are asked for only when disks are missing', () => {
  assert.match(
    report(['offline', 'online'], { bad: 2 }).protection,
    /2 segments cannot be read now: plug in "node-1";/,
  );
  assert.doesNotMatch(report(['online', 'online'], { bad: 2 }).protection, /plug/);
  const damaged = report(['online', 'online'], { damagedFiles: ['/a'] });
  assert.equal(damaged.health, 'damaged');
  assert.match(damaged.protection, /^1 file cannot be read whole/);
});

test('what no disk is left to heal on is said, and which disk to add', () => {
  const protection = (count: number, changes: Parameters<typeof report>[1]) =>
    report(
      Array.from({ length: count }, () => 'online' as const),
      changes,
    ).protection;
  const borne = 'Any one disk may be lost without losing a file';
  assert.equal(protection(2, { healsByItself: false }), `${borne}; add a third disk to heal by itself.`);
  assert.equal(protection(3, { healsByItself: false }), `${borne}; add a larger disk to heal by itself.`);
  assert.equal(protection(3, {}), `${borne}.`);
});
