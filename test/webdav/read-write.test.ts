/** GET, HEAD, PUT, DELETE and MKCOL over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { exchange, serve, type TestServer } from './dav-client.js';

async function filled(server: TestServer, text = 'hello, world'): Promise<string> {
  const put = await server.send('PUT', '/home/a.txt', { body: text });
  assert.equal(put.status, 201);
  return put.headers.etag!;
}

test('what was stored comes back, with validators that agree everywhere', async (t) => {
  const server = await serve(t);
  const put = await server.send('PUT', '/home/a.txt', { body: 'hello' });
  assert.equal(put.status, 201);
  assert.match(put.headers.etag!, /^"[0-9a-f]{32}"$/);
  assert.ok(put.headers.date && put.headers['last-modified']);
  const got = await server.send('GET', '/home/a.txt');
  assert.deepEqual([got.status, got.text, got.headers['content-length']], [200, 'hello', '5']);
  assert.equal(got.headers.etag, put.headers.etag);
  assert.equal(got.headers['last-modified'], put.headers['last-modified']);
  assert.deepEqual(
    [
      'content-type',
      'accept-ranges',
      'cache-control',
      'x-content-type-options',
      'content-security-policy',
      'server',
    ].map((name) => got.headers[name]),
    ['text/plain; charset=utf-8', 'bytes', 'no-cache, private', 'nosniff', 'sandbox', 'Holdfast'],
  );
  const head = await server.send('HEAD', '/home/a.txt');
  assert.deepEqual(
    [head.status, head.text, head.headers['content-length'], head.headers.etag],
    [200, '', '5', put.headers.etag],
  );
  const again = await server.send('PUT', '/home/a.txt', { body: 'other' });
  assert.equal(again.status, 204);
  assert.notEqual(again.headers.etag, put.headers.etag);
  assert.equal((await server.send('GET', '/home/a.txt/')).text, 'other');
});

test('no answer ever carries a CORS header or a challenge', async (t) => {
  const server = await serve(t);
  await filled(server);
  for (const [method, path] of [
    ['OPTIONS', '/home/'],
    ['GET', '/home/a.txt'],
    ['GET', '/'],
    ['PROPFIND', '/home/'],
    ['GET', '/home/x'],
  ] as const) {
    const { headers } = await server.send(method, path, { headers: { Depth: '0' } });
    assert.deepEqual(
      Object.keys(headers).filter((name) => /^access-control|www-authenticate/.test(name)),
      [],
    );
  }
});

test('ranges and conditions of reads', async (t) => {
  const server = await serve(t);
  const etag = await filled(server);
  const modified = (await server.send('HEAD', '/home/a.txt')).headers['last-modified']!;
  const get = (headers: Record<string, string>) => server.send('GET', '/home/a.txt', { headers });
  const part = await get({ Range: 'bytes=7-' });
  assert.deepEqual([part.status, part.text, part.headers['content-range']], [206, 'world', 'bytes 7-11/12']);
  assert.equal((await get({ Range: 'bytes=-5' })).text, 'world');
  assert.equal((await get({ Range: 'bytes=2-4' })).text, 'llo');
  const beyond = await get({ Range: 'bytes=50-' });
  assert.deepEqual([beyond.status, beyond.headers['content-range'], beyond.text], [416, 'bytes */12', '']);
  assert.deepEqual(
    [(await get({ Range: 'bytes=0-1,3-4' })).status, (await get({ Range: 'bytes=5-2' })).status],
    [200, 200],
  );
  assert.equal((await get({ Range: 'bytes=0-3', 'If-Range': etag })).status, 206);
  assert.equal((await get({ Range: 'bytes=0-3', 'If-Range': modified })).status, 206);
  assert.equal((await get({ Range: 'bytes=0-3', 'If-Range': '"other"' })).text, 'hello, world');
  const same = await get({ 'If-None-Match': etag });
  assert.deepEqual([same.status, same.text, same.headers.etag], [304, '', etag]);
  assert.equal((await get({ 'If-Modified-Since': modified })).status, 304);
  assert.equal((await get({ 'If-Match': '"other"' })).status, 412);
  assert.equal((await get({ If: '(["other"])' })).status, 412);
  assert.equal((await get({ If: `([${etag}])` })).status, 200);
  assert.equal((await get({ If: '(' })).status, 400);
});

test('a read error in the middle cuts the connection; one at the start gets a status', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/big', { body: Buffer.alloc(300_000, 1) });
  server.volume.onRead = (offset) => {
    if (offset >= 131_072) throw new DriveError('DAMAGED');
  };
  await assert.rejects(server.send('GET', '/home/big'), { code: 'ECONNRESET' });
  server.volume.onRead = () => {
    throw new DriveError('DAMAGED');
  };
  const answer = await server.send('GET', '/home/big');
  assert.deepEqual([answer.status, answer.headers.etag, answer.headers['accept-ranges']], [500, undefined, undefined]);
  assert.equal(server.events.length, 2);
  assert.match(server.events[1]!.message, /GET \/home\/big: DAMAGED/);
  assert.equal(server.volume.openReaders, 0);
});

test('a reader that leaves gives its content back', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/big', { body: Buffer.alloc(20_000_000, 1) });
  const socket = connect({ host: '127.0.0.1', port: server.port });
  socket.write('GET /home/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  assert.equal(server.volume.openReaders, 1);
  socket.destroy();
  while (server.volume.openReaders > 0) await new Promise(setImmediate);
});

test('uploads that stop half way leave nothing, with a length and in chunks', async (t) => {
  const server = await serve(t);
  const etag = await filled(server, 'old');
  for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
    for (const path of ['/home/a.txt', '/home/new.txt']) {
      const socket = connect({ host: '127.0.0.1', port: server.port });
      socket.write(`PUT ${path} HTTP/1.1\r\nHost: localhost\r\n${framing}\r\n\r\n3\r\nabc\r\n`);
      while (server.volume.openUploads === 0) await new Promise(setImmediate);
      socket.destroy();
      while (server.volume.openUploads > 0) await new Promise(setImmediate);
    }
  }
  const now = await server.send('GET', '/home/a.txt');
  assert.deepEqual([now.text, now.headers.etag], ['old', etag]);
  assert.equal((await server.send('GET', '/home/new.txt')).status, 404);
});

test('a refused upload is refused before its body, and the answer arrives', async (t) => {
  const server = await serve(t);
  await filled(server);
  server.volume.capacityBytes = 1000;
  const expect = (path: string, rest: string) =>
    exchange(
      server.port,
      `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n${rest}\r\n`,
    );
  assert.equal((await expect('/home/b', '')).status, 507);
  assert.equal((await expect('/home/a.txt', 'If-None-Match: *\r\n')).status, 412);
  assert.equal((await expect('/home/no/b', '')).status, 409);
  assert.equal((await expect('/home', '')).status, 405);
  assert.match((await expect('/home/b', '')).head, /connection: close/i);
  // Senders that do not wait see the answer too, not a reset.
  const whole = await server.send('PUT', '/home/b', { body: Buffer.alloc(5_000_000) });
  assert.equal(whole.status, 507);
  const chunks = Array.from({ length: 50 }, () => Buffer.alloc(100_000));
  assert.equal((await server.send('PUT', '/home/b', { body: chunks })).status, 507);
  const hint = { 'X-Expected-Entity-Length': '5000000', 'Transfer-Encoding': 'chunked' };
  assert.equal((await server.send('PUT', '/home/b', { body: ['x'], headers: hint })).status, 507);
  assert.equal((await server.send('GET', '/home/b')).status, 404);
  assert.equal(server.volume.openUploads, 0);
});

test('an accepted upload gets its 100 and is stored', async (t) => {
  const server = await serve(t);
  const socket = connect({ host: '127.0.0.1', port: server.port });
  t.after(() => socket.destroy());
  socket.write('PUT /home/c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n');
  const [interim] = (await once(socket, 'data')) as [Buffer];
  assert.match(interim.toString(), /^HTTP\/1\.1 100 /);
  socket.write('abc');
  const [final] = (await once(socket, 'data')) as [Buffer];
  assert.match(final.toString(), /^HTTP\/1\.1 201 /);
  assert.equal((await server.send('GET', '/home/c')).text, 'abc');
});

test('status codes of PUT, MKCOL and DELETE', async (t) => {
  const server = await serve(t);
  const etag = await filled(server);
  const cases: readonly [
    method: string,
    path: string,
    headers: Record<string, string>,
    body: string | undefined,
    status: number,
  ][] = [
    ['PUT', '/home/no/x', {}, 'x', 409],
    ['PUT', '/home/a.txt/x', {}, 'x', 409],
    ['PUT', '/home/', {}, 'x', 405],
    ['PUT', '/home/new/', {}, 'x', 405],
    ['PUT', '/x', {}, 'x', 403],
    ['PUT', '/home/a.txt', { 'Content-Range': 'bytes 0-0/12' }, 'x', 400],
    ['PUT', '/home/a.txt', { 'Content-Encoding': 'gzip' }, 'x', 415],
    ['PUT', '/home/a.txt', { 'If-Match': '"other"' }, 'x', 412],
    ['PUT', '/home/new', { 'If-Match': '*' }, 'x', 412],
    ['PUT', '/home/a.txt', { 'If-None-Match': '*' }, 'x', 412],
    ['PUT', '/home/a.txt', { 'If-Match': etag }, 'hello, world', 204],
    ['PUT', `/home/${'n'.repeat(256)}`, {}, 'x', 400],
    ['PUT', '/home/empty', {}, '', 201],
    ['MKCOL', '/home/d', {}, undefined, 201],
    ['MKCOL', '/home/d/', {}, undefined, 405],
    ['MKCOL', '/home/a.txt', {}, undefined, 405],
    ['MKCOL', '/home/no/d', {}, undefined, 409],
    ['MKCOL', '/home/e', { 'Content-Type': 'text/xml' }, '<x/>', 415],
    ['MKCOL', '/e', {}, undefined, 403],
    ['DELETE', '/home/no', {}, undefined, 404],
    ['DELETE', '/home/d', { Depth: '0' }, undefined, 400],
    ['DELETE', '/home/d', {}, undefined, 204],
    ['PUT', '/home/b.txt', {}, 'x', 201],
    ['DELETE', '/home/b.txt', { Depth: '0' }, undefined, 204],
    ['DELETE', '/home/b.txt', { Depth: '0' }, undefined, 404],
    ['DELETE', '/', {}, undefined, 403],
    ['POST', '/home/a.txt', {}, 'x', 405],
    ['REPORT', '/home/', {}, undefined, 501],
    ['TRACE', '/home/', {}, undefined, 501],
  ];
  for (const [method, path, headers, body, status] of cases) {
    const answer = await server.send(method, path, { headers, ...(body !== undefined && { body }) });
    assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(headers)}: ${answer.text}`);
  }
  assert.equal((await server.send('GET', '/home/a.txt')).text, 'hello, world');
});

test('X-OC-Mtime sets the modification time', async (t) => {
  const server = await serve(t);
  const put = await server.send('PUT', '/home/a', { body: 'x', headers: { 'X-OC-Mtime': '784111777' } });
  assert.deepEqual(
    [put.headers['x-oc-mtime'], put.headers['last-modified']],
    ['accepted', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  );
});

test('a transient failure closes the connection with a 503', async (t) => {
  const server = await serve(t);
  server.volume.stat = async () => {
    throw new DriveError('UNAVAILABLE');
  };
  const answer = await server.send('GET', '/home/a', { headers: { Connection: 'keep-alive' } });
  assert.deepEqual([answer.status, answer.headers.connection], [503, 'close']);
});

test('an unexpected failure is a 500 without details, and is reported', async (t) => {
  const server = await serve(t);
  server.volume.stat = async () => {
    throw new Error('secret');
  };
  const answer = await server.send('GET', '/home/a');
  assert.deepEqual([answer.status, answer.text], [500, 'internal error\n']);
  assert.match(server.events[0]!.message, /secret/);
});

test('folders are pages for browsers, and names cannot become markup', async (t) => {
  const server = await serve(t);
  const name = `<img src=x onerror='alert(1)'>&".txt`;
  await server.send('PUT', `/home/${encodeURIComponent(name)}`, { body: 'x' });
  const page = await server.send('GET', '/home/');
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type']!, /^text\/html/);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
  assert.ok(!page.text.includes('<img') && page.text.includes('&lt;img src=x'));
  assert.match(page.text, /href="\/home\/%3Cimg%20src%3Dx%20onerror%3D%27/);
  assert.equal((await server.send('HEAD', '/home/')).status, 200);
  const welcome = await server.send('GET', '/', { headers: { 'User-Agent': 'Mozilla/5.0 (Windows NT 10.0)' } });
  assert.match(welcome.text, new RegExp(`http://127.0.0.1:${server.port}/home/`));
  assert.match(welcome.text, /<details open><summary>Windows/);
});
