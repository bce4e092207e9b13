import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { temporaryFolder } from './support/temporary-folder.js';

const launcher = fileURLToPath(new URL('../src/launch.cjs', import.meta.url));
const runProgram = fileURLToPath(new URL('../../scripts/run-program.mjs', import.meta.url));

for (const [version, isRefused] of [
  ['18.20.4', true],
  ['20.19.9', true],
  ['20.20.0', false],
  ['24.1.0', false],
] as const) {
  test(`Node ${version} is ${isRefused ? 'refused in a sentence' : 'let through'}`, async (t) => {
    const folder = await temporaryFolder(t);
    const pretence = join(folder, 'pretend.cjs');
    const value = `{ ...process.versions, node: '${version}' }`;
    await writeFile(pretence, `Object.defineProperty(process, 'versions', { value: ${value} });`);
    const { status, stderr } = spawnSync(process.execPath, ['--require', pretence, launcher, '--version'], {
      encoding: 'utf8',
    });
    assert.equal(/needs Node 20\.20 or newer/.test(stderr), isRefused, stderr);
    if (isRefused) assert.equal(status, 1);
  });
}

const posixOnly = { skip: process.platform === 'win32' && 'signals and modes of files are not the same there' };

test('what the build made can be started by its name, as npx does', posixOnly, async () => {
  const { mode } = await stat(launcher);
  assert.equal(mode & 0o111, 0o111, 'scripts/build.mjs makes it executable; tsc alone does not');
});

/** A wrapper process around `program`, and all that comes out of it. It takes the same signal within a minute for an echo. */
function wrap(program: string): { readonly pid: number; said(text: string): Promise<void>; ended: Promise<number> } {
  const code = `const { runProgram } = await import(${JSON.stringify(pathToFileURL(runProgram).href)});
    runProgram(['-e', ${JSON.stringify(program)}], process.env, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const ended = new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.includes(text) && resolve();
      child.stdout.on('data', look);
      look();
      child.on('close', () => reject(new Error(`ended without "${text}": ${output}`)));
    });
  return { pid: child.pid!, said, ended };
}

test('a wrapped program keeps its exit code', async () => {
  assert.equal(await wrap('process.exit(4)').ended, 4);
});

test('a program that a signal ended is told as shells do', posixOnly, async () => {
  assert.equal(await wrap("process.kill(process.pid, 'SIGKILL')").ended, 128 + 9);
});

test('one Ctrl-C reaches a wrapped program once, though it arrives twice', posixOnly, async () => {
  // Ends by the other signal, with the number of the first ones.
  const program = `let count = 0;
    process.on('SIGINT', () => {
      count += 1;
      console.log('taken', count);
    });
    process.on('SIGTERM', () => process.exit(10 + count));
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const { pid, said, ended } = wrap(program);
  await said('ready');
  process.kill(pid, 'SIGINT');
  await said('taken 1');
  process.kill(pid, 'SIGINT');
  process.kill(pid, 'SIGTERM');
  assert.equal(await ended, 11);
});
