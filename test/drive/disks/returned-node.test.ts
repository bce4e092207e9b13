/** A disk that was away and is well again takes new data at once, whatever it failed at before. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { productionSafety, testSafety } from '../../../src/core/safety-parameters.js';
import { TestDrive } from '../drive-fixture.js';

/** A node that failed gets nothing new for one interval of probes, unless it is known to be well: this test ends before. */
const safety = {
  ...productionSafety,
  ...testSafety,
  probeIntervalMs: 600_000,
  returnProbeIntervalMs: 50,
  retryMs: 60_000,
};

test('what is saved right after a disk came back lies on it', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'], context: { safety } })).open();
  await drive.put('before.txt', 'before');
  await drive.pull('a');
  await drive.untilState('a', 'offline');
  await drive.put('meanwhile.txt', 'meanwhile');
  await drive.plug('a');
  await drive.untilState('a', 'online');
  const before = await filesOn(drive, 'b');
  await drive.put('after.txt', 'after');
  const [a, b] = [await filesOn(drive, 'a'), await filesOn(drive, 'b')];
  const added = [...b].filter((name) => !before.has(name));
  assert.equal(added.length, 1, 'the segment with one copy takes nothing more');
  assert.ok(a.has(added[0]!), 'the new one is on both');
  await drive.close();
});

async function filesOn(drive: TestDrive, node: string): Promise<Set<string>> {
  const names = await readdir(join(drive.folder, node), { recursive: true });
  return new Set(names.map((name) => name.replace(/^.*\//, '')).filter((name) => name.endsWith('.seg')));
}
