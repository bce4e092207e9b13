/** 8 kinds of damage x 6 targets on one of two nodes, at three moments. */
import { test } from 'node:test';
import { prepareVolumes } from '../../damage/damaged-index.js';
import { kinds, moments, runFlips, runNodeCase, targets } from '../../damage/damaged-node.js';
import { memoryFolder } from '../../damage/damaged-volume.js';
import { answerApart, askApart, isApart } from '../tools/apart.js';
import { tellReached } from '../tools/time-left.js';

interface Question {
  readonly folder: string;
  readonly work: 'damage' | 'flips';
}
interface Outcome {
  readonly cases: number;
  readonly failures: readonly string[];
}

const flipsAtOnce = 20;

if (!isApart) {
  test('8 kinds of damage x 6 targets x 3 moments: nothing wrong is served', { timeout: 2_400_000 }, async (t) => {
    const question = { folder: await memoryFolder(t), work: 'damage' } as const;
    const { cases, failures } = await askApart<Question, Outcome>(t, import.meta.url, question);
    const what = `${kinds.length} kinds x ${targets.length} targets x ${moments.length} moments`;
    tellReached(t, `damaged nodes: ${what}`, cases, 144);
    if (failures.length > 0) throw new Error(failures.join('\n\n'));
  });

  test('2,000 flipped bits on a node, 20 at a time: nothing wrong is served', { timeout: 2_400_000 }, async (t) => {
    const question = { folder: await memoryFolder(t), work: 'flips' } as const;
    const { cases, failures } = await askApart<Question, Outcome>(t, import.meta.url, question);
    tellReached(t, 'flipped bits on a node', cases * flipsAtOnce, 2_000);
    if (failures.length > 0) throw new Error(failures.join('\n\n'));
  });
} else {
  answerApart(({ folder, work }: Question) => (work === 'damage' ? damageNodes(folder) : flipBits(folder)));
}

async function damageNodes(folder: string): Promise<Outcome> {
  const { volume, truth } = await prepareVolumes(folder, 12);
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
  return { cases: seed, failures };
}

async function flipBits(folder: string): Promise<Outcome> {
  const { volume, truth } = await prepareVolumes(folder, 12);
  const failures: string[] = [];
  for (let seed = 1; seed <= 100; seed += 1) {
    const moment = moments[seed % moments.length]!;
    const flips = { flips: flipsAtOnce, moment, seed };
    await runFlips(volume, truth, flips).catch((error: unknown) => failures.push(String(error)));
  }
  return { cases: 100, failures };
}
