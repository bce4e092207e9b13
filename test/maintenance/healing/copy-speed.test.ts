import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CopySpeed } from '../../../src/maintenance/healing/copy-speed.js';

const MiB = 1024 * 1024;

test('a few small copies tell nothing; then the speed is what was measured, and what was long ago fades', () => {
  const speed = new CopySpeed();
  speed.note(MiB, 1_000);
  assert.equal(speed.bytesPerSecond, null);
  speed.note(127 * MiB, 3_000);
  assert.equal(speed.bytesPerSecond, 32 * MiB);
  for (let times = 0; times < 40; times += 1) speed.note(128 * MiB, 1_000);
  const measured = speed.bytesPerSecond! / MiB;
  assert.ok(measured > 120 && measured < 128, `${measured} MiB a second`);
});

test('copies that took no time on this clock tell nothing', () => {
  const speed = new CopySpeed();
  speed.note(1024 * MiB, 0);
  assert.equal(speed.bytesPerSecond, null);
});
