/**
 * The engine through the lives of 300 seeds and tens of thousands of distinct states that a crash may leave, on two
 * processes; with HOLDFAST_SOAK=1 through 2,000 seeds and at least 200,000 states (half an hour of two processors).
 * Seeds that fail are told; `node dist/test/simulation/run.js --seed N --verbose` replays one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFailure, describeTotals, simulateSeeds } from '../simulation/simulation-pool.js';

const firstSeed = 100_000;
const isSoak = process.env.HOLDFAST_SOAK === '1';
const seeds = isSoak ? 2_000 : 300;
const fewestStates = isSoak ? 200_000 : 25_000;

/** So rare that a few hundred seeds may meet none. */
const rareFaults = ['own disk back', 'stale file', 'bit rot, running', 'lost writes that were told as synced'];
/** Each of them must have been met. */
const faults = [
  'power cut',
  'kill',
  'disk away',
  'disk back',
  'bit rot',
  'sector lost',
  'misdirected write',
  'old disk',
  'clone',
  'empty disk',
  'disk of another node',
  'index behind',
  'index lost',
  'index of an old backup',
  'EIO',
  'ENOSPC',
  'EROFS',
  'hang',
  'clock back',
  'clock forward',
];

describe('the engine in the simulation, at length', () => {
  it(`keeps every promise in ${fewestStates} crash states of ${seeds} seeds`, async (context) => {
    const started = performance.now();
    let next = firstSeed;
    const totals = await simulateSeeds({
      workers: 2,
      nextSeed: () => (next < firstSeed + seeds ? next++ : undefined),
    });
    const summary = describeTotals(totals, (performance.now() - started) / 1000);
    for (const line of summary.split('\n')) context.diagnostic(line);
    assert.deepEqual(totals.failed.map(describeFailure), []);
    assert.deepEqual(
      [...faults, ...(isSoak ? rareFaults : [])].filter((fault) => !totals.faults.has(fault)),
      [],
      'never met',
    );
    assert.ok(totals.states >= fewestStates, summary);
    assert.ok(totals.locked > 0 && totals.acknowledged > 10 * seeds, summary);
  });
});
