/** The listener's own life: where it listens, how it ends, and what it does with peers that stop. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { type StartServerOptions, startServer } from '../../src/server/start-server.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { serve } from '../webdav/dav-client.js';

async function ask(port: number, bytes: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'connect');
  return socket;
}

test('nothing but loopback is listened on without users, and without TLS unless it is said', async () => {
  const volumes = [new MemoryVolume()];
  const ana = { name: 'ana', rights: 'write', credentials: '' } as const;
  const users = (...list: (typeof ana)[]) => ({ list: async () => list, named: async () => list[0] });
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'example.org', '127.0.0.1.example.org']) {
    const refused = (options: Partial<StartServerOptions>, hint: RegExp) =>
      assert.rejects(
        startServer({ volumes, host, port: 0, ...options }),
        (error) => hasCode(error, 'USAGE') && hint.test(error.hint ?? ''),
        host,
      );
    await refused({}, /holdfast user add/);
    await refused({ users: users() }, /holdfast user add/);
    await refused({ users: users(), isInsecureAllowed: true }, /holdfast user add/);
    await refused({ users: users(ana) }, /--insecure-http/);
  }
});

test('a name for other machines, whose requests a proxy brings here, needs users too, also when the last one goes', async (t) => {
  const ana = { name: 'ana', rights: 'write', credentials: '' } as const;
  let people: (typeof ana)[] = [];
  const users = { list: async () => people, named: async () => people[0] };
  const options = { users, allowedHosts: ['drive.example'] };
  await assert.rejects(
    startServer({ volumes: [new MemoryVolume()], port: 0, ...options }),
    (error) => hasCode(error, 'USAGE') && /holdfast user add/.test(error.hint ?? ''),
  );
  people = [ana];
  const { send } = await serve(t, options);
  people = [];
  for (const Host of ['localhost', 'drive.example']) {
    assert.equal((await send('GET', '/home/', { headers: { Host } })).status, 401, Host);
  }
});

test('a port that is taken is said so', async (t) => {
  const { port } = await serve(t);
  const second = startServer({ volumes: [new MemoryVolume()], port });
  await assert.rejects(second, (error) => hasCode(error, 'USAGE') && error.message.includes(String(port)));
});

test('closing lets running requests finish, closes idle connections, and takes no new ones', async (t) => {
  const { server, volume, port, send } = await serve(t);
  const idle = await ask(port, 'GET /home/none HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(idle, 'data');
  const upload = await ask(port, 'PUT /home/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc');
  while (volume.openUploads === 0) await new Promise(setImmediate);
  const closed = server.close();
  assert.equal(server.close(), closed, 'idempotent');
  await once(idle, 'close');
  await assert.rejects(send('GET', '/home/'), { code: 'ECONNREFUSED' });
  upload.write('def');
  const [answer] = (await once(upload, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 201 [\s\S]*connection: close/i);
  await closed;
  assert.equal((await volume.open(['a'])).sizeBytes, 6);
});

test('closing does not wait for ever', async (t) => {
  const clock = new ManualClock();
  const { server, volume, port } = await serve(t, { clock, drainMs: 5000 });
  const upload = await ask(port, 'PUT /home/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\nabc');
  while (volume.openUploads === 0) await new Promise(setImmediate);
  const closed = server.close();
  await clock.advance(5001);
  await closed;
  if (!upload.closed) await once(upload, 'close');
  while (volume.openUploads > 0) await new Promise(setImmediate);
});

test('an upload that stops is cut after two minutes, one that moves is not', async (t) => {
  const clock = new ManualClock();
  const { volume, port } = await serve(t, { clock });
  const stuck = await ask(port, 'PUT /home/stuck HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc');
  const moving = await ask(port, 'PUT /home/moving HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n');
  while (volume.openUploads < 2) await new Promise(setImmediate);
  let seen = 0;
  const writeBytes = async (): Promise<void> => {
    moving.write(Buffer.alloc(4096));
    seen += 4096;
    while (volume.uploadedBytes < seen) await new Promise(setImmediate);
  };
  for (let round = 0; round < 11; round += 1) {
    await writeBytes();
    await clock.advance(15_000);
  }
  if (!stuck.closed) await once(stuck, 'close');
  assert.ok(!moving.closed && moving.writable);
  moving.destroy();
  while (volume.openUploads > 0) await new Promise(setImmediate);
  assert.equal(await volume.stat(['stuck']), undefined);
});

test('a reader that takes nothing is cut, one that we keep waiting is not', async (t) => {
  const clock = new ManualClock();
  const { volume, port, send } = await serve(t, { clock });
  await send('PUT', '/home/big', { body: Buffer.alloc(30_000_000) });
  const reader = await ask(port, 'GET /home/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(reader, 'data');
  reader.pause();
  const original = volume.stat.bind(volume);
  let release: () => void = () => {};
  let waiting = false;
  volume.stat = async (path) => {
    await new Promise<void>((resolve) => {
      release = resolve;
      waiting = true;
    });
    return original(path);
  };
  const patient = await ask(port, 'GET /home/none HTTP/1.1\r\nHost: localhost\r\nUser-Agent: davfs2/1.6.1\r\n\r\n');
  const answered = new Promise<string>((resolve) => {
    let text = '';
    patient.on('data', (part: Buffer) => {
      text += part.toString();
      if (text.includes('HTTP/1.1 404 ')) resolve(text);
    });
  });
  while (!waiting) await new Promise(setImmediate);
  for (let round = 0; round < 12; round += 1) await clock.advance(15_000);
  while (volume.openReaders > 0) await new Promise(setImmediate);
  release();
  // Word that it is still worked on, again and again, and then the answer.
  assert.match(await answered, /^(?:HTTP\/1\.1 102 Processing\r\n\r\n)+HTTP\/1\.1 404 /);
  reader.destroy();
  patient.destroy();
});

/** Everything the server sends until it closes the connection. */
async function conversation(port: number, bytes: string): Promise<string> {
  const socket = await ask(port, bytes);
  let received = '';
  socket.on('data', (part: Buffer) => {
    received += part.toString();
  });
  await once(socket, 'close');
  return received;
}

const statuses = (text: string): number[] =>
  [...text.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));

test('pipelined requests run one after the other', async (t) => {
  const { port, volume } = await serve(t);
  const original = volume.put.bind(volume);
  volume.put = async (...call) => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    return original(...call);
  };
  const put = (text: string) =>
    `PUT /home/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const get = 'GET /home/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const answer = await conversation(port, put('one') + put('second') + get);
  assert.deepEqual(statuses(answer), [201, 204, 200]);
  assert.ok(answer.endsWith('second'));
});

test('what is pipelined behind a refused request never runs', async (t) => {
  const { port, volume } = await serve(t);
  const next = 'PUT /home/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx';
  const refused: readonly [string, number][] = [
    ['GET /home/ HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421],
    ['PUT /home/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n', 501],
    [
      'PUT /home/a HTTP/1.1\r\nHost: localhost\r\nContent-Range: bytes 0-0/2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
      400,
    ],
    ['PUT /home/a/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n', 405],
  ];
  for (const [bytes, status] of refused) {
    const answer = await conversation(port, bytes + next);
    assert.equal(statuses(answer)[0], status, answer);
    assert.equal(await volume.stat(['smuggled']), undefined, bytes);
  }
});

test('a connection goes on after a small body that was not wanted', async (t) => {
  const { port } = await serve(t);
  const refused = 'PUT /home/no/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello';
  const get = 'GET /home/none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  assert.deepEqual(statuses(await conversation(port, refused + get)), [409, 404]);
});

test('a flood of pipelined requests ends its connection', async (t) => {
  const { port, volume } = await serve(t);
  let asked = 0;
  volume.stat = () => {
    asked += 1;
    return new Promise(() => {});
  };
  await conversation(port, 'GET /home/a HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(200));
  assert.equal(asked, 1);
});
