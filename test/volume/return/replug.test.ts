/** Unplug, any changes, replug: a few seconds of seeds here, thousands in test/system/disks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replugStory } from './replug-story.js';

const firstSeed = 1;
const limitMs = 4_000;
const fewestSeeds = 5;

test('a disk that was away brings nothing back and overwrites nothing newer', async (context) => {
  const started = performance.now();
  const failed: string[] = [];
  let acknowledged = 0;
  let seed = firstSeed;
  for (; performance.now() - started < limitMs || seed < firstSeed + fewestSeeds; seed += 1) {
    const result = await replugStory(seed);
    acknowledged += result.acknowledged;
    if (result.problems.length > 0) failed.push(`seed ${seed}: ${result.problems.join('; ')}`);
  }
  context.diagnostic(`${seed - firstSeed} seeds, ${acknowledged} changes`);
  assert.deepEqual(failed, []);
  assert.ok(acknowledged > 10 * (seed - firstSeed), `only ${acknowledged} changes`);
});
