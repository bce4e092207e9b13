/** A process that simulates the seeds it is told; see simulation-pool.ts. */
import { simulateEngine } from './simulate.js';
import type { SeedAnswer, SeedOrder } from './simulation-pool.js';

process.on('message', async ({ seed, options }: SeedOrder) => {
  const { faults, ...result } = await simulateEngine(seed, options);
  process.send!({ seed, ...result, faults: [...faults] } satisfies SeedAnswer);
});
process.on('disconnect', () => process.exit());
