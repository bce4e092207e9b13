/**
 * node dist/bench/logins/login-storm.js [ROUNDS]: what requests for files cost while sixteen programs try wrong passwords
 * without a pause, beside what they cost in peace. Both in one run, by turns, so that the machine is the same for both.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/launch.cjs', import.meta.url));
const rounds = Number(process.argv[2] ?? 6);
const windowMs = 3_000;
const stormers = 16;
const fileBytes = Buffer.alloc(4096, 'holdfast');
const right = login('ana', 'several secret words');

function login(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

async function run(args: readonly string[], input = ''): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(input);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${code}`);
}

async function serve(directory: string): Promise<{ readonly child: ChildProcess; readonly url: URL }> {
  const args = [program, 'serve', directory, '--port', '0', '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return { child, url: new URL((JSON.parse(String(line)) as { url: string }).url) };
}

function ask(
  url: URL,
  options: { method: string; authorization: string; agent: Agent; body?: Buffer },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const { method, authorization, agent, body } = options;
    const sent = request(url, { method, agent, headers: { Authorization: authorization } }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.once('error', reject).end(body);
  });
}

/** Milliseconds of each request of four clients, each of them reading and writing by turns. */
async function measure(url: URL, agent: Agent): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + windowMs;
  const client = async (number: number): Promise<void> => {
    const file = new URL(`f${number}`, url);
    for (let turn = 0; performance.now() < end; turn += 1) {
      const began = performance.now();
      const method = turn % 4 === 0 ? 'PUT' : 'GET';
      await ask(file, { method, authorization: right, agent, ...(method === 'PUT' && { body: fileBytes }) });
      times.push(performance.now() - began);
    }
  };
  await Promise.all([0, 1, 2, 3].map(client));
  return times;
}

/** Until the function returned is called; it gives the number of logins that were refused meanwhile. */
function storm(url: URL, agent: Agent): () => Promise<number> {
  let stopped = false;
  let refused = 0;
  const stormer = async (number: number): Promise<void> => {
    for (let turn = 0; !stopped; turn += 1) {
      const status = await ask(url, { method: 'GET', authorization: login(`user${number}`, `guess ${turn}`), agent });
      if (status === 401) refused += 1;
    }
  };
  const all = Promise.all(Array.from({ length: stormers }, (_, number) => stormer(number)));
  return async () => {
    stopped = true;
    await all;
    return refused;
  };
}

const quantile = (times: readonly number[], part: number): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN;
const say = (what: string, times: readonly number[]): void => {
  const [half, most] = [quantile(times, 0.5), quantile(times, 0.99)];
  process.stdout.write(
    `${what.padEnd(6)} ${times.length} requests, p50 ${half.toFixed(2)} ms, p99 ${most.toFixed(2)} ms\n`,
  );
};

const folder = await mkdtemp(join(tmpdir(), 'holdfast-logins-'));
const agents = [
  new Agent({ keepAlive: true, maxSockets: 4 }),
  new Agent({ keepAlive: true, maxSockets: stormers }),
] as const;
try {
  const directory = join(folder, 'volume');
  const nodes = [join(folder, 'node-1'), join(folder, 'node-2')];
  for (const node of nodes) await mkdir(node);
  await run(['init', directory, ...nodes.flatMap((node) => ['--node', node])]);
  await run(['user', 'add', directory, 'ana'], 'several secret words\n');
  const { child, url } = await serve(directory);
  const idle: number[] = [];
  const stormy: number[] = [];
  let refused = 0;
  await measure(url, agents[0]);
  for (let round = 0; round < rounds; round += 1) {
    idle.push(...(await measure(url, agents[0])));
    const calm = storm(url, agents[1]);
    stormy.push(...(await measure(url, agents[0])));
    refused += await calm();
  }
  say('idle', idle);
  say('storm', stormy);
  const seconds = (rounds * windowMs) / 1000;
  process.stdout.write(`${(refused / seconds).toFixed(1)} passwords refused each second\n`);
  process.stdout.write(`p99 of storm to idle: ${(quantile(stormy, 0.99) / quantile(idle, 0.99)).toFixed(2)}\n`);
  child.kill('SIGTERM');
  await once(child, 'exit');
} finally {
  for (const agent of agents) agent.destroy();
  await rm(folder, { recursive: true, force: true });
}
