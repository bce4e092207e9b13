/** Tries nearly good inputs on every target for a bounded time each; the finds can be had again from their seeds. */
import { SeededRandom } from '../../support/seeded-random.js';
import { mutate } from './mutator.js';
import { requestTarget } from './request-target.js';
import { storedTargets } from './stored-targets.js';
import { judge, type Target } from './target.js';
import { wireTargets } from './wire-targets.js';

export interface FuzzReport {
  /** Inputs tried, by target. */
  readonly tried: Readonly<Record<string, number>>;
  /** Each with the seed and the input that shows it; at most one of a target. */
  readonly finds: readonly string[];
}

export async function fuzz({
  seed,
  milliseconds,
}: {
  readonly seed: number;
  /** For all targets together. */
  readonly milliseconds: number;
}): Promise<FuzzReport> {
  const requests = await requestTarget();
  const targets: readonly Target[] = [...wireTargets, ...storedTargets, requests];
  const tried: Record<string, number> = {};
  const finds: string[] = [];
  for (const target of targets) {
    const end = performance.now() + milliseconds / targets.length;
    let count = 0;
    while (count === 0 || performance.now() < end) {
      const input = mutate(target.seeds, new SeededRandom(seed * 1_000_003 + count));
      count += 1;
      const find = await judge(target, input);
      if (find === undefined) continue;
      finds.push(`${target.name}, seed ${seed}, input ${count}: ${find}\n${input.toString('base64').slice(0, 2000)}`);
      break;
    }
    tried[target.name] = count;
  }
  await requests.close();
  return { tried, finds };
}
