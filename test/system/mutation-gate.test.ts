/**
 * Does the suite notice mistakes? Each planted one (test/mutants/mutants.ts) must make a test fail. A machinery of
 * crash tests that lets one of them through proves nothing. One alone: `node dist/test/mutants/run.js PART-OF-ITS-NAME`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MutantWorkshop } from '../mutants/mutant-workshop.js';
import { mutants } from '../mutants/mutants.js';
import { tellReached } from './tools/time-left.js';

describe('planted mistakes', { timeout: 45 * 60_000 }, () => {
  let workshop: MutantWorkshop;
  let caught = 0;

  before(async () => {
    workshop = await MutantWorkshop.open();
  });
  after(() => workshop.close());

  for (const mutant of mutants) {
    it(`is caught: ${mutant.name}`, async (context) => {
      const { caughtBy, seconds } = await workshop.judge(mutant);
      assert.ok(caughtBy, `no test of ${mutant.tests.join(', ')} noticed it`);
      context.diagnostic(`by ${caughtBy} (${seconds.toFixed(1)} s)`);
      caught += 1;
    });
  }

  it('all of them were', (context) => {
    tellReached(context, 'planted mistakes caught', caught, mutants.length);
    assert.equal(caught, mutants.length);
  });
});
