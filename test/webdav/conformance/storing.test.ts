/** What is stored is whole, or not there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import { exchange, serve } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { lock, makeFolder, propfind, received, speak, statuses, store, tokenOf, unlock, until } from '../requests.js';

const MiB = 1024 * 1024;

for (const framing of [`Content-Length: ${10 * MiB}`, 'Transfer-Encoding: chunked']) {
  test(`M-01: a PUT that is cut half way leaves the old file (${framing})`, async (t) => {
    const server = await serveIndexed(t);
    const old = Buffer.alloc(10 * MiB, 'old');
    const { etag } = (await store(server, '/home/big', old)).headers;
    const { drive } = server;
    const socket = speak(t, server.port, 'PUT /home/big HTTP/1.1', 'Host: localhost', framing);
    const piece = Buffer.alloc(MiB, 'new');
    const writes = () => drive.store('a').log.length + drive.store('b').log.length + drive.store('c').log.length;
    const before = writes();
    for (let sent = 0; sent < 4; sent += 1) {
      socket.write(
        framing.startsWith('C') ? piece : Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')]),
      );
    }
    await until(() => writes() > before);
    const meanwhile = await server.send('GET', '/home/big');
    assert.deepEqual([meanwhile.headers.etag, meanwhile.body.equals(old)], [etag, true]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
    const later = await server.send('GET', '/home/big');
    assert.deepEqual([later.headers.etag, later.body.equals(old)], [etag, true]);
    assert.equal((await propfind(server, '/home/', '1')).text.match(/<D:response>/g)?.length, 2);
    // No DAV lock stays behind: the next save needs no token.
    assert.equal((await store(server, '/home/big', 'next')).status, 204);
  });
}

test('M-01: a chunked body without its last chunk is never taken for whole', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a', 'old');
  const socket = speak(t, server.port, 'PUT /home/a HTTP/1.1', 'Host: localhost', 'Transfer-Encoding: chunked');
  socket.write('3\r\nnew\r\n');
  // A half-closed connection: the client is done, and says nothing of an end of the body.
  socket.end();
  await new Promise((resolve) => socket.once('close', resolve).resume());
  assert.equal((await server.send('GET', '/home/a')).text, 'old');
});

test('M-02: chunked PUT with and without X-Expected-Entity-Length; no body at all is an empty file', async (t) => {
  const server = await serveIndexed(t);
  const parts = Array.from({ length: 40 }, (_, at) => Buffer.alloc(65_536, at));
  const chunked = { 'Transfer-Encoding': 'chunked' };
  const cases: readonly [string, Record<string, string>][] = [
    ['/home/plain', {}],
    ['/home/right', { 'X-Expected-Entity-Length': String(40 * 65_536) }],
    ['/home/less', { 'X-Expected-Entity-Length': '1' }],
    ['/home/more', { 'X-Expected-Entity-Length': String(50 * 65_536) }],
    ['/home/junk', { 'X-Expected-Entity-Length': 'many' }],
  ];
  for (const [path, hint] of cases) {
    assert.equal((await server.send('PUT', path, { headers: { ...chunked, ...hint }, body: parts })).status, 201, path);
    assert.ok((await server.send('GET', path)).body.equals(Buffer.concat(parts)), path);
    assert.equal((await server.send('PUT', path, { headers: { ...chunked, ...hint }, body: parts })).status, 204, path);
  }
  const bare = (headers: string) =>
    exchange(server.port, `PUT /home/empty HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`);
  assert.deepEqual([(await bare('')).status, (await bare('Content-Length: 0\r\n')).status], [201, 204]);
  const empty = await server.send('GET', '/home/empty');
  assert.deepEqual([empty.status, empty.headers['content-length']], [200, '0']);
});

test('M-03: a PUT of a part is refused, and never becomes the file', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a', 'the whole file');
  for (const [path, range] of [
    ['/home/a', 'bytes 4-8/14'],
    ['/home/a', 'bytes 0-3/*'],
    ['/home/new', 'bytes 0-3/4'],
  ] as const) {
    assert.equal((await server.send('PUT', path, { headers: { 'Content-Range': range }, body: 'part' })).status, 400);
  }
  assert.equal((await server.send('GET', '/home/a')).text, 'the whole file');
  assert.equal((await server.send('GET', '/home/new')).status, 404);
});

test('M-04: the answer comes after the data and the journal are synced on two nodes', async (t) => {
  const server = await serveIndexed(t);
  const stores = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  for (const each of stores) each.log.length = 0;
  await store(server, '/home/a', Buffer.alloc(3 * MiB, 'x'));
  const synced = (suffix: RegExp) =>
    stores.filter(({ log }) =>
      log.some(({ operation, phase, name }) => operation === 'sync' && phase === 'end' && suffix.test(name)),
    );
  assert.ok(synced(/\.journal$/).length >= 2, 'journal');
  assert.ok(synced(/^(?!.*\.journal$)/).length >= 2, 'data');
  // And with the machine gone at this very moment, the file is there.
  await server.drive.crash();
  await server.drive.reopen();
  assert.equal((await server.send('GET', '/home/a')).body.length, 3 * MiB);
});

test('M-05: the work after the last byte does not grow with the file', async (t) => {
  const server = await serveIndexed(t);
  const stores = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  const bytesAfterLast = async (path: string, sizeBytes: number): Promise<number> => {
    const written = () =>
      stores.reduce(
        (sum, { log }) =>
          sum +
          log.reduce(
            (all, entry) => all + (entry.operation === 'write' && entry.phase === 'end' ? entry.lengthBytes : 0),
            0,
          ),
        0,
      );
    for (const each of stores) each.log.length = 0;
    const socket = speak(t, server.port, `PUT ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${sizeBytes}`);
    const done = received(socket, (text) => text.includes('\r\n\r\n'));
    // Bytes that differ, so that no chunk is stored already.
    for (let at = 0; at < sizeBytes; at += MiB) {
      const piece = Buffer.alloc(Math.min(MiB, sizeBytes - at), `${path} ${at}`);
      socket.write(at + MiB >= sizeBytes ? piece.subarray(0, -1) : piece);
    }
    const whole = Math.floor((sizeBytes - 1) / MiB) * MiB;
    await until(() => written() >= 2 * whole);
    const before = written();
    socket.write('!');
    assert.match(await done, /^HTTP\/1\.1 201 /);
    return written() - before;
  };
  const small = await bytesAfterLast('/home/small', 3 * MiB + 10);
  const large = await bytesAfterLast('/home/large', 48 * MiB + 10);
  // 45 times as many chunks, each with some 80 bytes in the journals of three nodes, most of them recorded before.
  assert.ok(large < small + 64 * 1024, `${small} bytes after the last one of 3 MiB, ${large} after that of 48 MiB`);
});

test('M-06: a reader of the target of a MOVE sees the old or the new file, never none', async (t) => {
  const server = await serveIndexed(t);
  const read = new Set<string>();
  await store(server, '/home/target', 'old');
  let moving = true;
  const readers = Array.from({ length: 4 }, async () => {
    while (moving) {
      const { status, text } = await server.send('GET', '/home/target');
      read.add(`${status} ${text}`);
    }
  });
  for (let round = 0; round < 20; round += 1) {
    await store(server, '/home/source', 'new');
    const moved = await server.send('MOVE', '/home/source', { headers: { Destination: '/home/target' } });
    assert.equal(moved.status, 204);
  }
  moving = false;
  await Promise.all(readers);
  assert.ok(read.size > 0);
  for (const seen of read) assert.ok(seen === '200 old' || seen === '200 new', seen);
});

test('M-06: a MOVE writes the same whatever is in the folder', async (t) => {
  const server = await serveIndexed(t);
  const journalBytes = async (folder: string, files: number): Promise<number> => {
    await makeFolder(server, `/home/${folder}`);
    await Promise.all(Array.from({ length: files }, (_, at) => store(server, `/home/${folder}/${at}`, `${at}`)));
    const lengths = () =>
      server.drive
        .store('a')
        .names('journal')
        .reduce((sum, name) => sum + server.drive.store('a').bytesOf('journal', name).length, 0);
    const before = lengths();
    const headers = { Destination: `/home/${folder}x` };
    assert.equal((await server.send('MOVE', `/home/${folder}`, { headers })).status, 201);
    return lengths() - before;
  };
  const one = await journalBytes('b', 1);
  assert.ok(one > 0 && one < 4096);
  assert.ok(Math.abs((await journalBytes('c', 300)) - one) < 16, 'the same but for longer numbers');
  assert.equal((await server.send('GET', '/home/cx/299')).text, '299');
});

test('M-10: a read error in the middle of an answer cuts the connection', async (t) => {
  const server = await serve(t);
  await store(server, '/home/big', Buffer.alloc(300_000, 1));
  server.volume.onRead = (offset) => {
    if (offset >= 131_072) throw new DriveError('DAMAGED');
  };
  for (const headers of [{}, { Range: 'bytes=100-250000' }]) {
    await assert.rejects(server.send('GET', '/home/big', { headers }), { code: 'ECONNRESET' });
  }
});

test('M-30: PUT is 201, 204, 409 or 405, and its validators are those of the next GET', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  const put = (path: string) => server.send('PUT', path, { body: 'x' });
  for (const status of [201, 204]) {
    const answer = await put('/home/a');
    assert.equal(answer.status, status);
    assert.match(answer.headers.etag!, /^"[^"]+"$/);
    assert.ok(answer.headers.date);
    const headers = { 'If-Modified-Since': answer.headers['last-modified']! };
    const again = await server.send('GET', '/home/a', { headers });
    assert.deepEqual([again.status, again.headers.etag], [304, answer.headers.etag]);
  }
  assert.deepEqual(
    await statuses(put('/home/no/a'), put('/home/d'), put('/home/d/'), put('/home/a/b')),
    [409, 405, 405, 409],
  );
});

test('M-31: MKCOL and DELETE answer as RFC 4918 says; a fragment never deletes', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const answers = async (method: string, ...paths: string[]) => {
    const all: number[] = [];
    for (const path of paths) all.push((await server.send(method, path)).status);
    return all;
  };
  assert.deepEqual(
    await answers('MKCOL', '/home/d', '/home/d', '/home/d/', '/home/a', '/home/no/d', '/home/d/e/'),
    [201, 405, 405, 405, 409, 201],
  );
  const body = '<x xmlns="urn:x"/>';
  assert.equal((await server.send('MKCOL', '/home/f', { headers: { 'Content-Type': 'text/xml' }, body })).status, 415);
  await store(server, '/home/d/e/x');
  assert.deepEqual(await answers('DELETE', '/home/d#e', '/home/a#x', '/home/a%23x'), [400, 400, 404]);
  assert.equal((await exchange(server.port, 'DELETE /home/d/#x HTTP/1.1\r\nHost: localhost\r\n\r\n')).status, 400);
  assert.equal((await server.send('GET', '/home/d/e/x')).status, 200);
  assert.deepEqual(await answers('DELETE', '/home/d', '/home/d', '/home/a', '/home/no/a'), [204, 404, 204, 404]);
  assert.equal((await server.send('GET', '/home/d/e/x')).status, 404);
});

test('S-16: If-None-Match: * refuses what is there', async (t) => {
  const server = await serveIndexed(t);
  const headers = { 'If-None-Match': '*' };
  assert.equal((await server.send('PUT', '/home/a', { headers, body: 'x' })).status, 201);
  assert.equal((await server.send('PUT', '/home/a', { headers, body: 'y' })).status, 412);
  assert.equal((await lock(server, '/home/a', headers)).status, 412);
  const fresh = await lock(server, '/home/b', headers);
  assert.equal(fresh.status, 201);
  assert.equal((await unlock(server, '/home/b', tokenOf(fresh))).status, 204);
  assert.equal((await server.send('MKCOL', '/home/d', { headers })).status, 201);
  // RFC 9110 section 13.2.1: what is refused anyway is refused for its own reason.
  assert.equal((await server.send('MKCOL', '/home/d', { headers })).status, 405);
  assert.equal((await server.send('GET', '/home/a')).text, 'x');
});
