/** 8 kinds of damage x 6 targets on one of two nodes, at three moments. */
import { test } from 'node:test';
import { prepareVolumes } from '../../damage/damaged-index.js';
import { kinds, moments, runFlips, runNodeCase, targets } from '../../damage/damaged-node.js';
import { memoryFolder } from '../../damage/damaged-volume.js';
import { tellReached } from '../tools/time-left.js';

test('8 kinds of damage x 6 targets x 3 moments: nothing wrong is served', { timeout: 2_400_000 }, async (t) => {
  const { volume, truth } = await prepareVolumes(await memoryFolder(t), 12);
  const failures: string[] = [];
  let seed = 0;
  for (const target of targets) {
    for (const kind of kinds) {
      for (const moment of moments) {
        seed += 1;
        await runNodeCase(volume, truth, { target, kind, moment, seed }).catch((error: unknown) => {
          failures.push(String(error));
        });
      }
    }
  }
  tellReached(
    t,
    `damaged nodes: ${kinds.length} kinds x ${targets.length} targets x ${moments.length} moments`,
    seed,
    144,
  );
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
});

test('2,000 flipped bits on a node, 20 at a time: nothing wrong is served', { timeout: 2_400_000 }, async (t) => {
  const { volume, truth } = await prepareVolumes(await memoryFolder(t), 12);
  const failures: string[] = [];
  for (let seed = 1; seed <= 100; seed += 1) {
    const moment = moments[seed % moments.length]!;
    await runFlips(volume, truth, { flips: 20, moment, seed }).catch((error: unknown) => failures.push(String(error)));
  }
  tellReached(t, 'flipped bits on a node', 2_000, 2_000);
  if (failures.length > 0) throw new Error(failures.join('\n\n'));
});
