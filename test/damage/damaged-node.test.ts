/** A few of the damaged nodes of test/system/damage: each kind of damage and each target. */
import { test } from 'node:test';
import { prepareVolumes } from './damaged-index.js';
import { kinds, moments, runNodeCase, targets } from './damaged-node.js';
import { memoryFolder } from './damaged-volume.js';

test('damage on one node is never served, and is made good', { timeout: 400_000 }, async (t) => {
  const { volume, truth } = await prepareVolumes(await memoryFolder(t), 12);
  for (const [at, kind] of kinds.entries()) {
    const target = targets[at % targets.length]!;
    await runNodeCase(volume, truth, { target, kind, moment: moments[at % moments.length]!, seed: at });
  }
});
