/** 400 damaged indexes. `CASE=n` runs one of them alone. */
import { test } from 'node:test';
import { damageOf, prepareVolumes, runIndexCase } from '../../damage/damaged-index.js';
import { memoryFolder } from '../../damage/damaged-volume.js';
import { answerApart, askApart, isApart } from '../tools/apart.js';
import { tellReached } from '../tools/time-left.js';

const cases = process.env.CASE ? [Number(process.env.CASE)] : Array.from({ length: 400 }, (_, at) => at);

interface Question {
  readonly folder: string;
}
interface Outcome {
  readonly counts: ReadonlyMap<string, { readonly cases: number; readonly anew: number }>;
  readonly failures: readonly string[];
}

if (!isApart) {
  test('400 damaged indexes: none is served, each is made anew when it must be', { timeout: 2_400_000 }, async (t) => {
    const { counts, failures } = await askApart<Question, Outcome>(t, import.meta.url, {
      folder: await memoryFolder(t),
    });
    let seen = 0;
    for (const [kind, { cases, anew }] of counts) {
      t.diagnostic(`${kind}: ${cases}, made anew ${anew}`);
      seen += cases;
    }
    tellReached(t, 'damaged indexes', seen, 400);
    if (failures.length > 0) throw new Error(failures.join('\n'));
  });
} else {
  answerApart(runCases);
}

async function runCases({ folder }: Question): Promise<Outcome> {
  const { volume, truth } = await prepareVolumes(folder, 16);
  const counts = new Map<string, { cases: number; anew: number }>();
  const failures: string[] = [];
  for (const at of cases) {
    const { kind } = damageOf(at);
    const count = counts.get(kind) ?? { cases: 0, anew: 0 };
    counts.set(kind, count);
    count.cases += 1;
    try {
      if ((await runIndexCase(volume, truth, at)).endsWith('made anew')) count.anew += 1;
    } catch (error) {
      failures.push(String(error));
    }
  }
  return { counts, failures };
}
