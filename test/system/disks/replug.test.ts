/** Unplug, any changes, replug: a hundred seeds, ten thousand with HOLDFAST_SOAK=1; HOLDFAST_SEED=N tells one of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replugStory } from '../../volume/return/replug-story.js';

const firstSeed = 10_000;
const seeds = process.env.HOLDFAST_SOAK === '1' ? 10_000 : 100;

test(`disks that were away bring nothing back, in ${seeds} stories`, { timeout: 45 * 60_000 }, async (context) => {
  const only = Number(process.env.HOLDFAST_SEED);
  if (only > 0) {
    const { problems } = await replugStory(only, (line) => context.diagnostic(line));
    assert.deepEqual(problems, []);
    return;
  }
  const failed: string[] = [];
  const totals = { acknowledged: 0, unplugged: 0 };
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const { problems, acknowledged, unplugged } = await replugStory(seed);
    totals.acknowledged += acknowledged;
    totals.unplugged += unplugged;
    if (problems.length > 0) failed.push(`HOLDFAST_SEED=${seed}: ${problems.join('; ')}`);
  }
  context.diagnostic(`${totals.acknowledged} changes, ${totals.unplugged} times a disk was unplugged`);
  assert.deepEqual(failed, []);
});
