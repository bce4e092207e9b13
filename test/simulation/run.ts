/** Replays or searches seeds of the engine's simulation; --help says how. */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { SimulationOptions } from './simulate.js';
import { describeFailure, describeTotals, simulateSeeds } from './simulation-pool.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string', default: '1' },
    states: { type: 'string', default: '6' },
    verbose: { type: 'boolean', default: false },
    'no-index-loss': { type: 'boolean', default: false },
    'no-faults': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const failuresFile = 'simulation-failures.jsonl';
const usage = `node dist/test/simulation/run.js ...
  --seed N --verbose        one seed with its trace
  --from N --seeds N        these seeds (100)
  --minutes 30 --workers 2  fresh seeds from the clock; those that fail are written, with the commit, to ${failuresFile}
  --states N                crash states that are opened at each point (6)
  --no-index-loss           the index is never lost
  --no-faults               disks never fail`;
const options: SimulationOptions = {
  indexMayBeLost: !values['no-index-loss'],
  disksMayFail: !values['no-faults'],
  statesPerPoint: Number(values.states),
};

if (values.help) console.log(usage);
else if (values.seed === undefined) await search();
else await replay(Number(values.seed));

async function replay(seed: number): Promise<void> {
  const { simulateEngine } = await import('./simulate.js');
  const trace = values.verbose ? { trace: (line: string) => console.log(line) } : {};
  const { problems, ...result } = await simulateEngine(seed, { ...options, ...trace });
  for (const problem of problems) console.log(problem);
  console.log(`seed ${seed}: ${JSON.stringify({ ...result, faults: Object.fromEntries(result.faults) })}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

async function search(): Promise<void> {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  const first = Number(values.from ?? (minutes === undefined ? 1 : Math.floor(Date.now() / 1000) * 1000));
  const count = minutes === undefined ? Number(values.seeds) : Number.POSITIVE_INFINITY;
  const isOver = () => minutes !== undefined && seconds() > minutes * 60;
  let next = first;
  console.log(`seeds from ${first}`);
  const totals = await simulateSeeds({
    workers: Number(values.workers),
    nextSeed: () => (next >= first + count || isOver() ? undefined : next++),
    options,
    onSeed: (answer) => {
      if (answer.problems.length === 0) return;
      console.log(describeFailure(answer));
      if (minutes === undefined) return;
      const { seed, problems } = answer;
      appendFileSync(
        failuresFile,
        `${JSON.stringify({ seed, states: options.statesPerPoint, commit: commit(), problems })}\n`,
      );
    },
  });
  console.log(describeTotals(totals, seconds()));
  if (totals.failed.length > 0 && minutes !== undefined) {
    console.log(`written to ${failuresFile}; replay: node dist/test/simulation/run.js --seed N --verbose`);
  }
  process.exitCode = totals.failed.length > 0 ? 1 : 0;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
