/** node dist/test/hostile/fuzz/run.js [SECONDS [SEED]]: longer than the test does. */
import { fuzz } from './fuzz.js';

const [seconds = 60, seed = 1] = process.argv.slice(2).map(Number);
const { tried, finds } = await fuzz({ seed, milliseconds: seconds * 1000 });
for (const [name, count] of Object.entries(tried)) process.stdout.write(`${name.padEnd(12)} ${count}\n`);
process.stdout.write(finds.length === 0 ? 'nothing was found\n' : `${finds.join('\n\n')}\n`);
process.exitCode = finds.length === 0 ? 0 : 1;
