import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RunOptions, runProtocol } from './protocol-model.js';
import { decideLikeTheEngine } from './protocol-real-history.js';
import { plainFaults, plantedMistakes, soundRules } from './protocol-rules.js';

/** The first seed that violates something, or undefined. */
function firstFind(runs: number, options: RunOptions): { seed: number; violation: string } | undefined {
  for (let seed = 1; seed <= runs; seed++) {
    const { violation } = runProtocol(seed, options);
    if (violation) return { seed, violation };
  }
  return undefined;
}

describe('the model of commit, epochs and opening', () => {
  it('repeats from its seed', () => {
    const trace = (seed: number) => {
      const lines: string[] = [];
      runProtocol(seed, { trace: (line) => lines.push(line) });
      return lines;
    };
    assert.deepEqual(trace(7), trace(7));
    assert.notDeepEqual(trace(7), trace(8));
  });

  it('crashes, opens and refuses often enough to mean something', () => {
    const totals = { openings: 0, crashes: 0, forked: 0 };
    for (let seed = 1; seed <= 2_000; seed++) {
      const result = runProtocol(seed);
      totals.openings += result.openings;
      totals.crashes += result.crashes;
      if (result.forked) totals.forked++;
    }
    assert.ok(totals.openings > 8_000 && totals.crashes > 6_000, JSON.stringify(totals));
    assert.ok(totals.forked > 0 && totals.forked < 100, JSON.stringify(totals));
  });

  it('loses nothing with the sound rules', () => {
    assert.equal(firstFind(30_000, {}), undefined);
  });

  it('loses nothing that is still somewhere when older copies of nodes and index are put back', () => {
    assert.equal(firstFind(5_000, { faults: { ...plainFaults, nodeStale: true } }), undefined);
  });

  it('accepts no batch without its chunks when data is durable before the journal', () => {
    assert.equal(firstFind(10_000, { strictTail: true }), undefined);
  });

  for (const [name, mistake] of Object.entries(plantedMistakes)) {
    it(`finds the mistake: ${name}`, () => {
      const rules = { ...soundRules, ...mistake.rules };
      const faults = { ...plainFaults, ...mistake.faults };
      const found = firstFind(mistake.runs, { rules, faults, strictTail: mistake.strictTail ?? false });
      assert.ok(found, `not found in ${mistake.runs} runs`);
    });
  }

  it("loses nothing with the engine's own decision", () => {
    // It never takes a number from a node that is left behind, and waits for disks in a few cases more than it must.
    const rules = { ...soundRules, numbersBeyondAllSeen: false, unservedEpochSuperseded: false };
    const losses: string[] = [];
    for (let seed = 1; seed <= 2_000; seed++) {
      const { violation } = runProtocol(seed, { rules, decide: decideLikeTheEngine });
      if (violation && !violation.startsWith('refused')) losses.push(`seed ${seed}: ${violation}`);
    }
    assert.deepEqual(losses, []);
  });
});
