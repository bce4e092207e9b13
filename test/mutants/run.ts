/** Judges planted mistakes: `node dist/test/mutants/run.js [PART OF A NAME ...]`. Exit code 1 when one was not caught. */
import { MutantWorkshop } from './mutant-workshop.js';
import { mutants } from './mutants.js';

const parts = process.argv.slice(2);
const workshop = await MutantWorkshop.open();
try {
  for (const mutant of mutants.filter(({ name }) => parts.length === 0 || parts.some((part) => name.includes(part)))) {
    try {
      const { caughtBy, seconds } = await workshop.judge(mutant);
      console.log(`${caughtBy === undefined ? 'NOT CAUGHT' : 'caught'}: ${mutant.name} (${seconds.toFixed(1)} s)`);
      console.log(`  ${caughtBy ?? mutant.tests.join(', ')}`);
      if (caughtBy === undefined) process.exitCode = 1;
    } catch (error) {
      process.exitCode = 1;
      console.log(`ERROR: ${mutant.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} finally {
  await workshop.close();
}
