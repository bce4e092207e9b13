/** COPY, MOVE, LOCK, UNLOCK and the If header over real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, serve, type TestServer } from './dav-client.js';
import { readMultistatus } from './oracles.js';

const lockBody = (scope = 'exclusive', owner = '<D:owner>me &amp; you</D:owner>') =>
  `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype>${owner}</D:lockinfo>`;
const lock = (server: TestServer, path: string, headers = {}, body = lockBody()): Promise<Answer> =>
  server.send('LOCK', path, { headers, body });
const tokenOf = (answer: Answer): string =>
  /^<(opaquelocktoken:[0-9a-f-]{36})>$/.exec(String(answer.headers['lock-token']))![1]!;

async function withFile(server: TestServer, path = '/home/a'): Promise<void> {
  assert.equal((await server.send('PUT', path, { body: 'text' })).status, 201);
}

test('Destination in all its forms; other volumes are a 502', async (t) => {
  const server = await serve(t, { allowedHosts: ['drive.example'] });
  await withFile(server);
  const { port } = server;
  const good = [
    '/home/b',
    `http://127.0.0.1:${port}/home/b`,
    `webdav://127.0.0.1:${port}/home/b`,
    'webdavs://LOCALHOST/home/b',
    'https://drive.example/home/b',
    'dav://[::1]:99/home/b',
    'davs://localhost/home/b/',
  ];
  for (const Destination of good) {
    assert.equal((await server.send('COPY', '/home/a', { headers: { Destination } })).status, 201, Destination);
    await server.send('DELETE', '/home/b');
  }
  const forwarded = { Destination: 'https://outside.example/home/b', 'X-Forwarded-Host': 'proxy, outside.example:443' };
  assert.equal((await server.send('COPY', '/home/a', { headers: forwarded })).status, 201);
  await server.send('DELETE', '/home/b');
  const bad: readonly [string, number][] = [
    ['http://elsewhere.example/home/b', 502],
    ['https://outside.example/home/b', 502],
    ['http://elsewhere.example/other/b', 502],
    ['/other/b', 502],
    ['/', 502],
    ['//evil/home/b', 502],
    ['/homely', 502],
    ['/home', 403],
    ['/home/', 403],
    ['', 400],
    ['b', 400],
    ['http://', 400],
    ['ftp://localhost/home/b', 400],
    ['http://u:p@localhost/home/b', 400],
    ['http://localhost/home/b?x', 400],
    ['/home/b#x', 400],
    ['/home/%2e%2e/b', 400],
    ['/home/%ff', 400],
    ['/home/%00', 400],
    ['/home/a%5cb', 400],
    ['http://[::1/home/b', 400],
    ['/home/b, /home/c?', 400],
    ['/home/a', 403],
    ['/home/no/b', 409],
    [`/home/${'n'.repeat(300)}`, 400],
  ];
  for (const [Destination, status] of bad) {
    for (const method of ['COPY', 'MOVE']) {
      assert.equal(
        (await server.send(method, '/home/a', { headers: { Destination } })).status,
        status,
        `${method} ${Destination}`,
      );
    }
  }
  assert.equal((await server.send('COPY', '/home/a')).status, 400);
  assert.equal((await server.send('GET', '/home/a')).text, 'text');
});

test('Overwrite and Depth are read strictly', async (t) => {
  const server = await serve(t);
  await withFile(server);
  await withFile(server, '/home/b');
  const copy = async (headers: Record<string, string>) =>
    (await server.send('COPY', '/home/a', { headers: { Destination: '/home/b', ...headers } })).status;
  assert.deepEqual([await copy({}), await copy({ Overwrite: 'T' }), await copy({ Overwrite: 'F' })], [204, 204, 412]);
  assert.deepEqual(
    [await copy({ Overwrite: 'maybe' }), await copy({ Overwrite: 'F, T' }), await copy({ Depth: '1' })],
    [400, 400, 400],
  );
  await server.send('MKCOL', '/home/d');
  await withFile(server, '/home/d/x');
  const move = async (headers: Record<string, string>) =>
    (await server.send('MOVE', '/home/d', { headers: { Destination: '/home/e', ...headers } })).status;
  assert.deepEqual([await move({ Depth: '0' }), await move({ Depth: 'infinity' })], [400, 201]);
  assert.equal((await server.send('COPY', '/home/e', { headers: { Destination: '/home/f', Depth: '0' } })).status, 201);
  assert.deepEqual(
    [(await server.send('GET', '/home/e/x')).status, (await server.send('GET', '/home/f/x')).status],
    [200, 404],
  );
  assert.equal((await server.send('MOVE', '/home/e', { headers: { Destination: '/home/e/inside' } })).status, 403);
});

test('a lock is granted, discovered, refreshed with its token, and ended', async (t) => {
  const server = await serve(t);
  await withFile(server);
  const granted = await lock(server, '/home/a', { Depth: '0', Timeout: 'Second-600' });
  assert.equal(granted.status, 200);
  const token = tokenOf(granted);
  for (const part of [
    '<D:exclusive/>',
    '<D:write/>',
    '<D:depth>0</D:depth>',
    'me &amp; you',
    'Second-600',
    token,
    '<D:lockroot><D:href>/home/a</D:href>',
  ]) {
    assert.ok(granted.text.includes(part), part);
  }
  const found = await server.send('PROPFIND', '/home/a', {
    headers: { Depth: '0' },
    body: '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>',
  });
  assert.ok(found.text.includes(token));
  assert.equal((await server.send('PUT', '/home/a', { body: 'x' })).status, 423);
  const refreshed = await server.send('LOCK', '/home/a', {
    headers: { If: `(<${token}>)`, Timeout: 'Infinite, Second-4100000000' },
  });
  assert.equal(refreshed.status, 200);
  assert.ok(refreshed.text.includes(token) && refreshed.text.includes('Second-3600'));
  assert.equal(refreshed.headers['lock-token'], undefined);
  const lost = await server.send('LOCK', '/home/a', { headers: { If: '(<opaquelocktoken:other>)' } });
  assert.equal(lost.status, 412);
  assert.equal((await server.send('LOCK', '/home/a')).status, 400);
  const unlock = (value: string) => server.send('UNLOCK', '/home/a', { headers: { 'Lock-Token': value } });
  const wrong = await unlock('<opaquelocktoken:never>');
  assert.equal(wrong.status, 409);
  assert.match(wrong.text, /lock-token-matches-request-uri/);
  assert.deepEqual([(await unlock('<a> <b>')).status, (await unlock('')).status], [400, 400]);
  assert.deepEqual([(await unlock(token)).status, (await unlock(`<${token}>`)).status], [204, 204]);
  assert.equal((await server.send('PUT', '/home/a', { body: 'x' })).status, 204);
});

test('conflicts name the lock that stands in the way', async (t) => {
  const server = await serve(t);
  await server.send('MKCOL', '/home/d');
  await withFile(server, '/home/d/a');
  const first = await lock(server, '/home/d', { Depth: 'infinity' });
  assert.ok(first.text.includes('<D:depth>infinity</D:depth>'));
  const second = await lock(server, '/home/d/a');
  assert.equal(second.status, 423);
  assert.match(second.text, /<D:no-conflicting-lock><D:href>\/home\/d<\/D:href><\/D:no-conflicting-lock>/);
  const change = await server.send('DELETE', '/home/d/a');
  assert.equal(change.status, 423);
  assert.match(change.text, /<D:lock-token-submitted><D:href>\/home\/d<\/D:href><\/D:lock-token-submitted>/);
  const tagged = { If: `<http://localhost/home/d/> (<${tokenOf(first)}>)` };
  assert.equal((await server.send('DELETE', '/home/d/a', { headers: tagged })).status, 204);
});

test('LOCK of a free name makes an empty file; shared locks stand side by side', async (t) => {
  const server = await serve(t);
  const made = await lock(server, '/home/new', { 'If-None-Match': '*' });
  assert.equal(made.status, 201);
  assert.equal((await server.send('GET', '/home/new')).headers['content-length'], '0');
  assert.equal((await lock(server, '/home/no/new')).status, 409);
  await withFile(server);
  const shared = [
    await lock(server, '/home/a', {}, lockBody('shared', '')),
    await lock(server, '/home/a', {}, lockBody('shared', '')),
  ];
  assert.deepEqual(
    shared.map(({ status }) => status),
    [200, 200],
  );
  assert.notEqual(tokenOf(shared[0]!), tokenOf(shared[1]!));
  assert.ok(!shared[1]!.text.includes(tokenOf(shared[0]!)), 'the answer shows the new lock only');
  assert.equal((await lock(server, '/home/a')).status, 423);
});

test('a LOCK that is not understood is a 400 and locks nothing', async (t) => {
  const server = await serve(t);
  await withFile(server);
  const bodies = [
    '<a/>',
    lockBody('none'),
    lockBody().replace('D:write', 'D:read'),
    lockBody('exclusive', `<D:owner>${'x'.repeat(5000)}</D:owner>`),
    '<D:lockinfo xmlns:D="DAV:"/>',
    '<!DOCTYPE x><D:lockinfo xmlns:D="DAV:"/>',
  ];
  for (const body of bodies) assert.equal((await lock(server, '/home/a', {}, body)).status, 400, body.slice(0, 60));
  assert.equal((await lock(server, '/home/a', { Depth: '1' })).status, 400);
  assert.equal((await server.send('PUT', '/home/a', { body: 'x' })).status, 204);
  const odd = await lock(server, '/home/a', { Timeout: 'Second-99999999999999999999' });
  assert.ok(odd.text.includes('Second-3600'));
});

test('If lists decide as RFC 4918 section 10.4 says', async (t) => {
  const server = await serve(t);
  await withFile(server);
  const token = tokenOf(await lock(server, '/home/a'));
  const { etag } = (await server.send('HEAD', '/home/a')).headers;
  const cases: readonly [string, number][] = [
    [`(<${token}>)`, 204],
    [`(<${token}> [${etag}])`, 204],
    ['(<DAV:no-lock>)', 412],
    [`(<${token}> ["wrong"])`, 412],
    [`(<${token}>) (Not <DAV:no-lock>)`, 204],
    ['(Not <DAV:no-lock>)', 423],
    [`(Not <${token}>)`, 412],
    [`(Not <${token}>) (Not <DAV:no-lock>)`, 423],
    [`</home/a> (<${token}>)`, 204],
    [`<http://localhost/home/a> (<${token}>)`, 204],
    [`<http://elsewhere/home/a> (<${token}>)`, 204],
    [`<http://localhost/other/a> (<${token}>)`, 412],
    [`</home/%ff> (<${token}>)`, 400],
    ['(<unbalanced)', 400],
  ];
  for (const [If, status] of cases) {
    assert.equal((await server.send('PUT', '/home/a', { headers: { If }, body: 'text' })).status, status, If);
  }
});

test('Finder keeps its lock over a rename, everybody else loses it', async (t) => {
  const server = await serve(t);
  const agents: readonly [string, number][] = [
    ['WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)', 204],
    ['other', 412],
  ];
  for (const [agent, status] of agents) {
    const headers = { 'User-Agent': agent };
    await withFile(server);
    const token = tokenOf(await lock(server, '/home/a', { Depth: '0', ...headers }));
    const If = `(<${token}>)`;
    assert.equal(
      (await server.send('MOVE', '/home/a', { headers: { ...headers, Destination: '/home/b', If } })).status,
      201,
    );
    assert.equal((await server.send('PUT', '/home/b', { headers: { ...headers, If }, body: 'new' })).status, status);
    assert.equal((await server.send('UNLOCK', '/home/b', { headers: { 'Lock-Token': `<${token}>` } })).status, 204);
    await server.send('DELETE', '/home/b');
  }
});

test('OPTIONS is 200 with the classes, on any path', async (t) => {
  const server = await serve(t);
  for (const path of ['/', '/home/', '/home/nothing', '/nowhere', '*']) {
    const { status, headers } = await server.send('OPTIONS', path);
    assert.deepEqual(
      [status, headers.dav, headers['ms-author-via'], headers['content-length']],
      [200, '1, 2, 3, sabredav-partialupdate', 'DAV', '0'],
      path,
    );
    assert.match(headers.allow!, /PROPFIND.*LOCK/);
  }
  readMultistatus(await server.send('PROPFIND', '/home', { headers: { Depth: '0' } }), '/home');
});
