/** npm start [-- options]: builds what is needed, then `holdfast start`. */
import { join } from 'node:path';
import { prepare, root } from './bootstrap.mjs';
import { runProgram } from './run-program.mjs';

await prepare({ only: 'program' });
runProgram([join(root, 'dist', 'src', 'launch.cjs'), 'start', ...process.argv.slice(2)]);
