/** Replays or searches seeds of the engine's simulation: `node dist/test/simulation/run.js [--seed N | --seeds N --from N] [--verbose]`. */
import { parseArgs } from 'node:util';
import { simulateEngine } from './simulate.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    states: { type: 'string', default: '6' },
    'no-index-loss': { type: 'boolean', default: false },
    'no-faults': { type: 'boolean', default: false },
  },
});

const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const totals = { acknowledged: 0, crashes: 0, operations: 0, failed: 0, states: 0, refusals: 0, locked: 0 };
const faults = new Map<string, number>();
const started = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const result = await simulateEngine(seed, {
    indexMayBeLost: !values['no-index-loss'],
    statesPerPoint: Number(values.states),
    disksMayFail: !values['no-faults'],
    ...(values.verbose ? { trace: (line: string) => console.log(line) } : {}),
  });
  totals.acknowledged += result.acknowledged;
  totals.crashes += result.crashes;
  totals.operations += result.operations;
  totals.states += result.states;
  totals.refusals += result.refusals;
  totals.locked += result.locked;
  for (const [fault, met] of result.faults) faults.set(fault, (faults.get(fault) ?? 0) + met);
  if (result.problems.length === 0) continue;
  totals.failed++;
  console.log(
    `seed ${seed}: ${result.problems.map((problem) => problem.split('\n').slice(0, 6).join('\n')).join('\n  ')}`,
  );
}
console.log(JSON.stringify(Object.fromEntries(faults)));
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${count} seeds, ${JSON.stringify(totals)}, ${seconds} s`);
process.exitCode = totals.failed > 0 ? 1 : 0;
