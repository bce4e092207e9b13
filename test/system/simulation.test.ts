/**
 * The engine through the lives of 2,000 seeds and at least 200,000 distinct states that a crash may leave, on two
 * processes; with HOLDFAST_SOAK=1 through 20,000 seeds and 2,000,000. They take what the other tests leave of the
 * processors; in a hurry (time-left.ts) it is as many seeds as there is time for. A state is what lies on the disks that are plugged in, all
 * files but for those of probes, and the index; two are distinct if any byte differs. Each is opened by the real opening
 * and looked at: every name, byte, property and lock that was acknowledged must be there. Equal states count once.
 * Seeds that fail are told; `node dist/test/simulation/run.js --seed N --verbose` replays one.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFailure, describeTotals, simulateSeeds } from '../simulation/simulation-pool.js';
import { missing } from './tools/requirements.js';
import { hasTime, isHurried, tellReached } from './tools/time-left.js';

const firstSeed = 100_000;
const isSoak = process.env.HOLDFAST_SOAK === '1';
const wantedSeeds = isSoak ? 20_000 : 2_000;
/** Enough to meet every fault. */
const fewestSeeds = isHurried ? 300 : wantedSeeds;
const graceMs = 120_000;
const statesPerSeed = 100;

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
  'own disk back',
  'stale file',
  'bit rot, running',
  'lost writes that were told as synced',
];

const skip = missing({ tools: ['chrt'] });

describe('the engine in the simulation, at length', () => {
  it(`keeps every promise in ${statesPerSeed * wantedSeeds} crash states of ${wantedSeeds} seeds`, {
    skip,
  }, async (context) => {
    const started = performance.now();
    let begun = 0;
    const totals = await simulateSeeds({
      workers: 2,
      isAside: true,
      nextSeed: () => {
        const mayGoOn = begun < wantedSeeds && hasTime(begun < fewestSeeds ? -graceMs : 0);
        return mayGoOn ? firstSeed + begun++ : undefined;
      },
    });
    const summary = describeTotals(totals, (performance.now() - started) / 1000);
    for (const line of summary.split('\n')) context.diagnostic(line);
    tellReached(context, 'seeds of the simulation', totals.seeds, wantedSeeds);
    tellReached(context, 'crash states of the simulation', totals.states, statesPerSeed * wantedSeeds);
    assert.deepEqual(totals.failed.map(describeFailure), []);
    assert.equal(totals.seeds, begun, summary);
    assert.deepEqual(
      faults.filter((fault) => !totals.faults.has(fault)),
      [],
      'never met',
    );
    const fewestPerSeed = begun === wantedSeeds ? statesPerSeed : 0.8 * statesPerSeed; // Some have fewer, others more.
    assert.ok(totals.states >= fewestPerSeed * begun, summary);
    assert.ok(totals.locked > 0 && totals.acknowledged > 10 * begun, summary);
  });
});
