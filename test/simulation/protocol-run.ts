/** Runs the protocol model from the shell: `node dist/test/simulation/protocol-run.js --seeds N [--mistake NAME] [--seed N]`. */
import { parseArgs } from 'node:util';
import { runProtocol } from './protocol-model.js';
import { decideOpening } from './protocol-opening.js';
import { decideLikeTheEngine } from './protocol-real-history.js';
import { type ProtocolFaults, type ProtocolRules, plainFaults, plantedMistakes, soundRules } from './protocol-rules.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    rules: { type: 'string', default: '{}' },
    faults: { type: 'string', default: '{}' },
    mistakes: { type: 'boolean', default: false },
    engine: { type: 'boolean', default: false },
    'strict-tail': { type: 'boolean', default: false },
  },
});

const base = { ...soundRules, ...JSON.parse(values.rules) };
const faults = { ...plainFaults, ...JSON.parse(values.faults) };
const strictTail = values['strict-tail'];
const decide = values.engine ? decideLikeTheEngine : decideOpening;

function survey(name: string, rules: ProtocolRules, faults: ProtocolFaults, strictTail: boolean): void {
  const started = performance.now();
  const found = new Map<string, { count: number; seed: number }>();
  let forked = 0;
  let openings = 0;
  let crashes = 0;
  const from = Number(values.from);
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    const result = runProtocol(seed, { rules, faults, strictTail, decide });
    openings += result.openings;
    crashes += result.crashes;
    if (result.forked) forked++;
    if (!result.violation) continue;
    const known = found.get(result.violation) ?? { count: 0, seed };
    known.count++;
    found.set(result.violation, known);
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${name}: ${values.seeds} runs, ${openings} openings, ${crashes} crashes, ${forked} forked, ${seconds} s`,
  );
  for (const [violation, { count, seed }] of found) console.log(`  ${count} x ${violation}, first seed ${seed}`);
}

if (values.seed !== undefined) {
  runProtocol(Number(values.seed), { rules: base, faults, strictTail, decide, trace: (line) => console.log(line) });
} else if (values.mistakes) {
  for (const [name, mistake] of Object.entries(plantedMistakes)) {
    survey(name, { ...base, ...mistake.rules }, { ...faults, ...mistake.faults }, mistake.strictTail ?? false);
  }
} else survey('sound rules', base, faults, strictTail);
