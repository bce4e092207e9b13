/** Replays or searches seeds of the engine's simulation: `node dist/test/simulation/run.js [--seed N | --seeds N --from N] [--verbose]`. */
import { parseArgs } from 'node:util';
import { Cleaner } from '../../src/maintenance/cleaning/cleaner.js';
import { simulateEngine } from './engine-simulation.js';
import { simulateThreads } from './sim-threads.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    'no-index-loss': { type: 'boolean', default: false },
    'no-faults': { type: 'boolean', default: false },
    'no-cleaner': { type: 'boolean', default: false },
  },
});

simulateThreads();
if (values['no-cleaner']) Cleaner.prototype.step = async () => 'idle';
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const totals = { acknowledged: 0, crashes: 0, operations: 0, failed: 0 };
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const result = await simulateEngine(seed, {
    indexMayBeLost: !values['no-index-loss'],
    disksMayFail: !values['no-faults'],
    ...(values.verbose ? { trace: (line: string) => console.log(line) } : {}),
  });
  totals.acknowledged += result.acknowledged;
  totals.crashes += result.crashes;
  totals.operations += result.operations;
  if (result.problems.length === 0) continue;
  totals.failed++;
  console.log(
    `seed ${seed}: ${result.problems.map((problem) => problem.split('\n').slice(0, 6).join('\n')).join('\n  ')}`,
  );
}
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${count} seeds, ${JSON.stringify(totals)}, ${seconds} s`);
process.exitCode = totals.failed > 0 ? 1 : 0;
