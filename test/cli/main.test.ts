/** The real program as a child process, on a real drive in temporary folders. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createVolume } from '../../src/drive.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const program = fileURLToPath(new URL('../../src/launch.cjs', import.meta.url));
const packageFile = new URL('../../../package.json', import.meta.url);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const piece of stream) text += piece;
  return text;
}

async function holdfast(...parameters: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [program, ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, 'close')]);
  return { code, out, err };
}

/** A volume with three nodes; gives its directory. */
async function makeVolume(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const directory = join(folder, 'volume');
  await createVolume({
    directory,
    nodes: ['a', 'b', 'c'].map((name) => join(folder, name)),
    replicas: 2,
    name: 'home',
  });
  return directory;
}

interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
}

async function serve(t: TestContext, directory: string): Promise<Serving> {
  const parameters = [program, 'serve', directory, '--port', '0', '--json'];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(async () => assert.fail(await read(child.stderr))),
  ]);
  return { child, url: JSON.parse(String(line)).url };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit');
  child.kill(signal);
  const [code] = await ended;
  return code;
}

test('--version prints the version of the package', async () => {
  const { version } = JSON.parse(await readFile(packageFile, 'utf8'));
  assert.deepEqual(await holdfast('--version'), { code: 0, out: `${version}\n`, err: '' });
});

test('wrong usage ends the process with exit code 2 and no stack trace', async () => {
  const { code, out, err } = await holdfast('serve');
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /^Error: .*\nWhy: {3}.*\nNext: {2}.*\n$/);
});

const posixOnly = { skip: process.platform === 'win32' ? 'Windows has no such signals' : false };

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops the server cleanly, and what was saved is there afterwards`, posixOnly, async (t) => {
    const directory = await makeVolume(t);
    const first = await serve(t, directory);
    assert.equal((await stat(join(directory, 'control.sock'))).mode & 0o777, 0o600);
    const saved = await fetch(`${first.url}note.txt`, { method: 'PUT', body: 'kept' });
    assert.equal(saved.status, 201);
    assert.equal(await end(first.child, signal), 0);
    assert.ok(!(await readdir(directory)).includes('control.sock'));
    const second = await serve(t, directory);
    assert.equal(await (await fetch(`${second.url}note.txt`)).text(), 'kept');
    assert.equal(await end(second.child, signal), 0);
  });
}

test('a second signal ends a server that is still draining at once, with exit code 1', posixOnly, async (t) => {
  const { child, url } = await serve(t, await makeVolume(t));
  const { hostname, port } = new URL(url);
  const upload = connect(Number(port), hostname);
  t.after(async () => {
    upload.destroy();
  });
  upload.on('error', () => {});
  upload.write(`PUT /home/long.bin HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 1000000\r\n`);
  upload.write('Expect: 100-continue\r\n\r\n');
  // "100 Continue": the server is in the middle of the upload.
  await once(upload, 'data');
  const lines = createInterface({ input: child.stderr! });
  child.kill('SIGINT');
  let isStopping = false;
  for await (const line of lines) {
    isStopping = line.startsWith('Stopping');
    if (isStopping) break;
  }
  assert.ok(isStopping);
  assert.equal(await end(child, 'SIGINT'), 1);
});

test("after kill -9 the socket left behind is in nobody's way", posixOnly, async (t) => {
  const directory = await makeVolume(t);
  const first = await serve(t, directory);
  await fetch(`${first.url}note.txt`, { method: 'PUT', body: 'kept' });
  await end(first.child, 'SIGKILL');
  assert.ok((await readdir(directory)).includes('control.sock'));
  const { code, out, err } = await holdfast('status', directory, '--json');
  assert.ok(code === 0 || code === 4, err);
  assert.equal(JSON.parse(out).files, 1);
  const second = await serve(t, directory);
  assert.equal(await (await fetch(`${second.url}note.txt`)).text(), 'kept');
  const asked = await holdfast('status', directory, '--json');
  assert.equal(JSON.parse(asked.out).volume.name, 'home');
  assert.equal(await end(second.child, 'SIGTERM'), 0);
});

test('a second server of one volume is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const directory = join(folder, 'volume');
  const nodes = ['a', 'b', 'c'].flatMap((name) => ['--node', join(folder, name)]);
  const made = await holdfast('init', directory, ...nodes, '--name', 'home');
  assert.equal(made.code, 0, made.err);
  const { child, url } = await serve(t, directory);
  const { code, err } = await holdfast('serve', directory, '--port', '0');
  assert.equal(code, 1);
  assert.ok(err.includes(url), err);
  await end(child, 'SIGTERM');
});

test('a command whose reader leaves ends without an error', async () => {
  const child = spawn(process.execPath, [program, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [err, [code]] = await Promise.all([read(child.stderr), once(child, 'close')]);
  assert.equal(code, 0);
  assert.equal(err, '');
});

const isOlderNode = Number(process.versions.napi) < 10;

test('packages that another Node installed are named, with what to do', {
  skip: !isOlderNode && 'npm installs both versions of SQLite here',
}, async (t) => {
  const folder = await temporaryFolder(t);
  const newer = 'Object.defineProperty(process, "versions", { value: { ...process.versions, napi: "10" } })';
  const words = [
    '--import',
    `data:text/javascript,${newer}`,
    program,
    'init',
    join(folder, 'volume'),
    '--replicas',
    '1',
    '--node',
    join(folder, 'node'),
  ];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const [err, [code]] = await Promise.all([read(child.stderr), once(child, 'close')]);
  assert.equal(code, 1);
  assert.match(err, /SQLite for Node .+ is not installed: another Node installed the packages/);
  assert.match(err, /Next: +run "npm ci" in .+ with this Node/);
});
