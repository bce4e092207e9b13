/** npm run bench [-- options] */
import { join } from 'node:path';
import { prepare, root } from './bootstrap.mjs';
import { runProgram } from './run-program.mjs';

await prepare();
// As src/launch.cts does for the program itself.
const env = { UV_THREADPOOL_SIZE: '64', ...process.env };
runProgram([join(root, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)], env);
