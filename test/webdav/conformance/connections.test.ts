/** The HTTP engine below: long uploads, many connections, large headers, early refusals. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '../../support/manual-clock.js';
import { exchange, serve } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { lock, makeFolder, propfind, received, speak, store, until } from '../requests.js';

const answered = (text: string) => /^HTTP\/1\.1 [2-5]\d\d /.test(text) && text.includes('\r\n\r\n');

test('M-40: connections stay open for more than a minute, and say so', async (t) => {
  const server = await serveIndexed(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let round = 0; round < 3; round += 1) {
    const { headers } = await server.send('OPTIONS', '/home/', { agent, headers: { Connection: 'keep-alive' } });
    assert.equal(headers.connection, 'keep-alive');
    assert.ok(Number(/timeout=(\d+)/.exec(String(headers['keep-alive']))![1]) >= 75);
  }
});

test('M-40: an upload may take a day while bytes come, and is cut when none come for two minutes', async (t) => {
  const clock = new ManualClock();
  const server = await serve(t, { clock });
  const socket = speak(
    t,
    server.port,
    'PUT /home/slow HTTP/1.1',
    'Host: localhost',
    `Content-Length: ${2048 * 1440 + 1}`,
  );
  await until(() => server.volume.openUploads === 1);
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  for (let minute = 1; minute <= 1440; minute += 1) {
    socket.write(Buffer.alloc(2048, 'x'));
    await until(() => server.volume.uploadedBytes >= minute * 2048);
    await clock.advance(60_000);
  }
  assert.equal(closed, false);
  await clock.advance(150_000);
  await until(() => closed);
  assert.equal((await server.send('GET', '/home/slow')).status, 404);
});

test('M-40: 60 KiB of headers are read', async (t) => {
  const server = await serveIndexed(t);
  const folders = Array.from({ length: 40 }, () => `%C3%A9`.repeat(60));
  let path = '/home';
  for (const folder of folders.slice(0, 20)) {
    path += `/${folder}`;
    await makeFolder(server, path);
  }
  await store(server, `${path}/a`);
  const headers = {
    Destination: `http://localhost:${server.port}${path}/b`,
    Referer: `http://localhost${path}`.padEnd(40_000, 'x'),
  };
  assert.ok(path.length > 7000);
  assert.equal((await server.send('MOVE', `${path}/a`, { headers })).status, 201);
});

test('M-40: with Expect: 100-continue, what is refused is refused before the body', async (t) => {
  const server = await serve(t);
  await store(server, '/home/a');
  await lock(server, '/home/a');
  await store(server, '/home/b');
  server.volume.capacityBytes = 1000;
  const expect = (path: string, rest: string) =>
    exchange(
      server.port,
      `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n${rest}\r\n`,
    );
  for (const [path, rest, status] of [
    ['/home/a', '', 423],
    ['/home/b', 'If-Match: "other"\r\n', 412],
    ['/home/new', '', 507],
    ['/home/no/new', '', 409],
  ] as const) {
    const answer = await expect(path, rest);
    assert.deepEqual([answer.status, /connection: close/i.test(answer.head)], [status, true], path);
  }
  assert.equal(server.volume.uploadedBytes, 'text'.length * 2);
});

test('M-40: a large body that was refused is read away, so that its sender sees why', async (t) => {
  const server = await serve(t);
  await store(server, '/home/a');
  await lock(server, '/home/a');
  const answer = await server.send('PUT', '/home/a', { body: Buffer.alloc(8_000_000) });
  assert.equal(answer.status, 423);
});

test('M-43: slow uploads hold up nobody, on 6 connections a client among 200 idle ones', async (t) => {
  const server = await serveIndexed(t);
  const idle: Socket[] = [];
  for (let count = 0; count < 200; count += 1) {
    const socket = speak(t, server.port, 'OPTIONS /home/ HTTP/1.1', 'Host: localhost', 'Connection: keep-alive');
    await received(socket, answered);
    idle.push(socket);
  }
  const slow = Array.from({ length: 6 }, (_, at) => {
    const socket = speak(
      t,
      server.port,
      `PUT /home/slow${at} HTTP/1.1`,
      'Host: localhost',
      'Transfer-Encoding: chunked',
    );
    socket.write('3\r\nabc\r\n');
    return socket;
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 6 });
  t.after(() => agent.destroy());
  const all = Array.from({ length: 60 }, async (_, at) => {
    const path = `/home/${at}`;
    const put = await server.send('PUT', path, { agent, body: path });
    const got = await server.send('GET', path, { agent });
    const found = await propfind(server, path);
    return put.status === 201 && got.text === path && found.status === 207;
  });
  assert.ok((await Promise.all(all)).every(Boolean));
  for (const socket of slow) {
    const answer = received(socket, answered);
    socket.write('3\r\ndef\r\n0\r\n\r\n');
    assert.match(await answer, / 201 /);
  }
  const [last] = idle.slice(-1);
  const answer = received(last!, answered);
  last!.write('OPTIONS /home/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(await answer, / 200 /);
});
