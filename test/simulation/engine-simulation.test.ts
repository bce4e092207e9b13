/** The engine through seeded lives; more of them, and single seeds with their trace, by run.ts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { simulateEngine } from './simulate.js';

/** Seeds that failed once, with what they found. */
const keptSeeds = JSON.parse(
  readFileSync(new URL('../../../test/simulation/seeds.json', import.meta.url), 'utf8'),
) as readonly { readonly seed: number; readonly found: string }[];

const freshSeed = 1000;

describe('the engine in the simulation', () => {
  it('repeats from its seed, and lives are the same whether crashes are imagined in them or not', async () => {
    const trace = async (statesPerPoint: number) => {
      const lines: string[] = [];
      await simulateEngine(3, { lives: 2, statesPerPoint, trace: (line) => lines.push(line) });
      return lines.filter((line) => !line.startsWith('imagined'));
    };
    const lines = await trace(4);
    assert.deepEqual(await trace(4), lines);
    assert.deepEqual(await trace(0), lines);
  });

  it('acknowledges changes, crashes, and opens what crashes may leave', async () => {
    const { acknowledged, crashes, operations, states } = await simulateEngine(3, { lives: 4 });
    assert.ok(acknowledged > 0 && crashes === 4 && operations > 100 && states > 10);
  });

  for (const { seed, found } of keptSeeds) {
    it(`passes seed ${seed}, which found: ${found}`, async () => {
      assert.deepEqual((await simulateEngine(seed)).problems, []);
    });
  }

  it(`keeps every promise in seed ${freshSeed}; in many more in test/system`, async () => {
    assert.deepEqual((await simulateEngine(freshSeed)).problems, []);
  });
});
