/** A few of the damaged indexes of test/system/damage, of every third kind. `CASE=n` runs that one alone. */
import { test } from 'node:test';
import { indexDamages, prepareVolumes, runIndexCase } from './damaged-index.js';
import { memoryFolder } from './damaged-volume.js';

const cases = process.env.CASE
  ? [Number(process.env.CASE)]
  : indexDamages.map((_, at) => at).filter((at) => at % 3 === 0);

test('a damaged index is never served: the drive makes it anew from the nodes', { timeout: 400_000 }, async (t) => {
  const { volume, truth } = await prepareVolumes(await memoryFolder(t), 16);
  for (const at of cases) t.diagnostic(await runIndexCase(volume, truth, at));
});
