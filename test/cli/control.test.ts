import assert from 'node:assert/strict';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ControlClient, connectControl } from '../../src/cli/control-client.js';
import { placeControlSocket } from '../../src/cli/control-socket.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { DriveError } from '../../src/core/errors.js';
import { linux, systemPlatform } from '../../src/core/platform.js';
import type { CheckReport, DriveEvent, Progress } from '../../src/drive-contract.js';
import { requestLimitBytes } from '../../src/server/control-protocol.js';
import { ControlServer } from '../../src/server/control-server.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { driveStatus, FakeDrive, soundReport } from './fake-context.js';

const url = 'http://127.0.0.1:4918/home/';
const facts = { volumeName: 'home', url, localUrl: url, fingerprint: null, processId: 42 };

interface Running {
  readonly drive: FakeDrive;
  readonly address: string;
  readonly client: ControlClient;
  readonly server: ControlServer;
}

async function startControl(t: TestContext, clock: Clock = systemClock): Promise<Running> {
  const drive = new FakeDrive();
  const address = systemPlatform.controlAddress(await temporaryFolder(t));
  const server = new ControlServer({ drive, facts, clock });
  const remove = await placeControlSocket(server.listener, { address, platform: systemPlatform });
  t.after(async () => {
    await server.close();
    await remove();
  });
  return { drive, address, client: new ControlClient(address), server };
}

/** Everything the server says to these raw bytes. */
function say(address: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(address, () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (piece) => {
      answer += piece;
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

test('a client learns who serves, and gets the status as the drive gives it', async (t) => {
  const { address, client } = await startControl(t);
  assert.deepEqual((await ControlClient.find(address))?.facts, facts);
  assert.deepEqual(await client.call('status', {}), driveStatus());
});

test('progress comes before the result', async (t) => {
  const { drive, client } = await startControl(t);
  const steps: Progress[] = [1, 2].map((done) => ({ phase: 'reading', done, total: 2, unit: 'files' }));
  drive.checkAnswer = async ({ onProgress }) => {
    for (const step of steps) onProgress?.(step);
    return soundReport;
  };
  const seen: Progress[] = [];
  assert.deepEqual(await client.call('check', {}, { onProgress: (step) => seen.push(step) }), soundReport);
  assert.deepEqual(seen, steps);
});

test('an error of the drive arrives with its code, message, details and hint', async (t) => {
  const { drive, client } = await startControl(t);
  const error = new DriveError('NODE_REFUSED', {
    message: 'it is not empty',
    details: { path: '/x' },
    hint: 'use /x/new',
  });
  drive.addNodeAnswer = async () => {
    throw error;
  };
  await assert.rejects(client.call('addNode', { path: '/x' }), (thrown: DriveError) => {
    assert.deepEqual(thrown.toData(), error.toData());
    return true;
  });
});

test('parameters reach the drive, and only as the protocol has them', async (t) => {
  const { drive, client, address } = await startControl(t);
  await client.call('addNode', { path: '/x', label: 'third', weight: 2 });
  await client.call('removeNode', { node: 'third', lost: true });
  await say(address, '{"method":"removeNode","parameters":{"node":"a","surprise":1}}\n');
  assert.deepEqual(drive.calls, [
    ['addNode', { path: '/x', label: 'third', group: undefined, weight: 2 }],
    ['removeNode', { node: 'third', lost: true }],
    ['removeNode', { node: 'a', lost: false }],
  ]);
});

const malformed = [
  ['what is not JSON', 'hello\n', /not valid JSON/],
  ['an array', '[]\n', /one line of JSON/],
  ['null', 'null\n', /one line of JSON/],
  ['an unknown method', '{"method":"format"}\n', /does not know/],
  ["a method of every object's", '{"method":"toString"}\n', /does not know/],
  ['parameters that are a list', '{"method":"addNode","parameters":[]}\n', /an object/],
  ['a relative path', '{"method":"addNode","parameters":{"path":"x"}}\n', /absolute path/],
  ['a number as a path', '{"method":"addNode","parameters":{"path":1}}\n', /path must be a string/],
  ['a missing node', '{"method":"removeNode","parameters":{}}\n', /node must be a string/],
  ['a line without end', 'x'.repeat(requestLimitBytes + 1), /not valid JSON/],
] as const;

for (const [what, request, said] of malformed) {
  test(`${what} is answered BAD_REQUEST, and the server goes on`, async (t) => {
    const { drive, address, client } = await startControl(t);
    const { error } = JSON.parse(await say(address, request));
    assert.equal(error.code, 'BAD_REQUEST');
    assert.match(error.message, said);
    assert.deepEqual(drive.calls, []);
    assert.deepEqual(await client.call('status', {}), driveStatus());
  });
}

test('a client that connects and says nothing is dropped after a while, one that waits for its answer is not', async (t) => {
  const clock = new ManualClock();
  const { drive, address, client } = await startControl(t, clock);
  const silent = say(address, '');
  let answer = (_: CheckReport): void => {};
  const asked = new Promise<void>((resolve) => {
    drive.checkAnswer = () => {
      resolve();
      return new Promise((done) => {
        answer = done;
      });
    };
  });
  const checking = client.call('check', {});
  await asked;
  await clock.advance(60_000);
  assert.equal(await silent, '');
  answer(soundReport);
  assert.deepEqual(await checking, soundReport);
});

test('a client that leaves cancels its check', async (t) => {
  const { drive, client } = await startControl(t);
  const leaving = new AbortController();
  const cancelled = new Promise<void>((resolve) => {
    drive.checkAnswer = ({ signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => {
          resolve();
          reject(new DriveError('ABORTED'));
        });
        leaving.abort();
      });
  });
  await assert.rejects(client.call('check', {}, { signal: leaving.signal }), { code: 'ABORTED' });
  await cancelled;
});

test('events: the past ones, then those that come, until the server stops', async (t) => {
  const { drive, client, server } = await startControl(t);
  const event = (message: string): DriveEvent => ({ time: 1, level: 'info', message });
  drive.pastEvents = [event('past')];
  const seen: string[] = [];
  const following = client.call(
    'events',
    { follow: true },
    {
      onEvent: ({ message }) => {
        seen.push(message);
        if (message === 'past') for (const listener of drive.listeners) listener(event('now'));
        if (message === 'now') void server.close();
      },
    },
  );
  await following;
  assert.deepEqual(seen, ['past', 'now']);
  assert.equal(drive.listeners.size, 0);
});

test('a server that stops answers what is under way first', async (t) => {
  const { drive, client, server } = await startControl(t);
  let closing: Promise<void> | undefined;
  drive.addNodeAnswer = async () => {
    closing = server.close();
    return { id: 'aaaabbbbccccdddd' };
  };
  assert.deepEqual(await client.call('addNode', { path: '/x' }), { id: 'aaaabbbbccccdddd' });
  await closing;
  await assert.rejects(client.call('status', {}), { code: 'UNAVAILABLE' });
});

test('a server that dies in the middle of an answer is told as such', async (t) => {
  const address = systemPlatform.controlAddress(await temporaryFolder(t));
  const server = createServer((socket) => socket.resume().end('{"progress":{}}\n{"resu'));
  const remove = await placeControlSocket(server, { address, platform: systemPlatform });
  t.after(async () => {
    await close(server);
    await remove();
  });
  await assert.rejects(new ControlClient(address).call('status', {}), { code: 'UNAVAILABLE', message: /ended/ });
});

const posixOnly = { skip: systemPlatform.controlAddressIsFile ? false : 'a named pipe is no file' };

test('the socket is for its owner alone, and was never anything else', posixOnly, async (t) => {
  const folder = await temporaryFolder(t);
  const address = linux.controlAddress(folder);
  const server = createServer();
  // The kernel makes the socket inside listen(): whoever looks right then must find it behind a closed door.
  const modes: number[] = [];
  server.once('listening', () => {
    void readdir(folder).then(async (names) => {
      for (const name of names) modes.push((await stat(join(folder, name))).mode & 0o777);
    });
  });
  const remove = await placeControlSocket(server, { address, platform: systemPlatform });
  assert.equal((await stat(address)).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(folder), ['control.sock']);
  assert.deepEqual(
    modes.filter((mode) => (mode & 0o077) !== 0),
    [],
  );
  assert.equal(modes.length, 1);
  await close(server);
  await remove();
  await remove();
  assert.deepEqual(await readdir(folder), []);
});

test('what a crashed server left behind is replaced', posixOnly, async (t) => {
  const folder = await temporaryFolder(t);
  const address = systemPlatform.controlAddress(folder);
  await writeFile(address, '');
  assert.equal(await connectControl(address), undefined);
  const server = new ControlServer({ drive: new FakeDrive(), facts, clock: systemClock });
  const remove = await placeControlSocket(server.listener, { address, platform: systemPlatform });
  assert.deepEqual((await ControlClient.find(address))?.facts, facts);
  await server.close();
  await remove();
});

test('a socket on which a server answers is refused and left alone', async (t) => {
  const { address } = await startControl(t);
  const second = createServer();
  await assert.rejects(placeControlSocket(second, { address, platform: systemPlatform }), { code: 'IN_USE' });
  assert.equal(second.listening, false);
  assert.deepEqual((await ControlClient.find(address))?.facts, facts);
});

test('where nothing ever listened, no server is found', async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal(await ControlClient.find(systemPlatform.controlAddress(folder)), undefined);
  assert.equal(await ControlClient.find(systemPlatform.controlAddress(join(folder, 'absent'))), undefined);
  await mkdir(join(folder, 'volume'));
  assert.equal(await ControlClient.find(systemPlatform.controlAddress(join(folder, 'volume'))), undefined);
});
