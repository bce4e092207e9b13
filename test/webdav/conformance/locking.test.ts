/** DAV locks, as RFC 4918 has them and as clients need them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, type TestServer } from '../dav-client.js';
import { type IndexedServer, serveIndexed } from '../indexed-server.js';
import {
  agents,
  ask,
  lock,
  lockBody,
  makeFolder,
  propfind,
  propfindBody,
  proppatch,
  setting,
  store,
  tokenOf,
  unlock,
} from '../requests.js';

const put = async (server: Pick<TestServer, 'send'>, path: string, headers: Record<string, string> = {}) =>
  (await server.send('PUT', path, { headers, body: 'new' })).status;
const dead = setting('<k xmlns="urn:k">1</k>');
const win32 = setting(
  '<Z:Win32LastModifiedTime>Sat, 05 Nov 1994 08:49:37 GMT</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>',
);

test('M-33: the answer to LOCK is the new lock and nothing else, with its root last', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const owner = '<D:owner><D:href>DÖMAIN\\user</D:href></D:owner>';
  const answer = await lock(server, '/home/a', { Depth: '0', Timeout: 'Second-600' }, lockBody('exclusive', owner));
  assert.equal(answer.status, 200);
  const token = tokenOf(answer);
  assert.equal(
    answer.text,
    '<?xml version="1.0" encoding="utf-8"?><D:prop xmlns:D="DAV:"><D:lockdiscovery><D:activelock>' +
      '<D:locktype><D:write/></D:locktype><D:lockscope><D:exclusive/></D:lockscope><D:depth>0</D:depth>' +
      `<D:owner><D:href>DÖMAIN\\user</D:href></D:owner><D:timeout>Second-600</D:timeout><D:locktoken><D:href>${token}</D:href></D:locktoken>` +
      '<D:lockroot><D:href>/home/a</D:href></D:lockroot></D:activelock></D:lockdiscovery></D:prop>',
  );
  assert.match((await propfind(server, '/home/a', '0', propfindBody('lockdiscovery'))).text, new RegExp(token));
});

test('M-33: LOCK of a free name is 201 with an empty file; without Depth a folder is locked with all below', async (t) => {
  const server = await serveIndexed(t);
  const fresh = await lock(server, '/home/new', { 'If-None-Match': '*', Depth: '0', Timeout: 'Second-1800' });
  assert.equal(fresh.status, 201);
  assert.deepEqual(
    [(await server.send('GET', '/home/new')).text, await put(server, '/home/new', { If: `(<${tokenOf(fresh)}>)` })],
    ['', 204],
  );
  await makeFolder(server, '/home/d');
  assert.match((await lock(server, '/home/d')).text, /<D:depth>infinity<\/D:depth>/);
  assert.equal(await put(server, '/home/d/x'), 423);
  await store(server, '/home/a');
  assert.match((await lock(server, '/home/a')).text, /<D:depth>0<\/D:depth>/, 'of a file it says nothing');
  assert.equal((await lock(server, '/home/no/a')).status, 409);
});

test('M-33: a refresh keeps the token and shows the whole lock; an unknown token is 412', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const token = tokenOf(await lock(server, '/home/a', { Timeout: 'Second-600' }));
  const refresh = (headers: Record<string, string>) => server.send('LOCK', '/home/a', { headers });
  const again = await refresh({ If: `(<${token}>)`, Timeout: 'Second-3600', Depth: '0', 'Content-Type': 'text/xml' });
  assert.equal(again.status, 200);
  assert.match(
    again.text,
    new RegExp(`<D:lockdiscovery><D:activelock>.*Second-3600.*${token}.*</D:activelock></D:lockdiscovery>`),
  );
  assert.equal((await refresh({ If: '(<opaquelocktoken:00000000-0000-0000-0000-000000000000>)' })).status, 412);
  assert.equal((await refresh({})).status, 400);
});

test('M-33: a conflict is 423 and names the lock that stands in the way', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  await store(server, '/home/d/a');
  await lock(server, '/home/d', { Depth: 'infinity' });
  const second = await lock(server, '/home/d/a');
  assert.equal(second.status, 423);
  assert.match(second.text, /<D:no-conflicting-lock><D:href>\/home\/d<\/D:href><\/D:no-conflicting-lock>/);
  const change = await server.send('PUT', '/home/d/a', { body: 'x' });
  assert.equal(change.status, 423);
  assert.match(change.text, /<D:lock-token-submitted><D:href>\/home\/d<\/D:href><\/D:lock-token-submitted>/);
});

test('M-34: every change of what is locked needs the token, in every form of an If header', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  await store(server, '/home/free');
  const token = tokenOf(await lock(server, '/home/a', { Depth: '0' }));
  const { etag } = (await server.send('HEAD', '/home/a')).headers;
  const changes: readonly [string, string, Record<string, string>, string?][] = [
    ['PUT', '/home/a', {}, 'text'],
    ['DELETE', '/home/a', {}],
    ['MOVE', '/home/a', { Destination: '/home/b' }],
    ['MOVE', '/home/free', { Destination: '/home/a' }],
    ['COPY', '/home/free', { Destination: '/home/a' }],
  ];
  for (const [method, path, headers, body] of changes) {
    assert.equal(
      (await server.send(method, path, { headers, ...(body && { body }) })).status,
      423,
      `${method} ${path}`,
    );
  }
  assert.equal((await proppatch(server, '/home/a', dead)).status, 423);
  assert.equal(
    (await server.send('COPY', '/home/a', { headers: { Destination: '/home/c' } })).status,
    201,
    'reading it is free',
  );
  const conditions: readonly [string, number][] = [
    [`(<${token}>)`, 204],
    [`</home/a> (<${token}>)`, 204],
    [`<http://127.0.0.1:${server.port}/home/a> (<${token}>)`, 204],
    [`(<${token}> [${etag}])`, 204],
    [`(<${token}> ["other"])`, 412],
    ['(<DAV:no-lock>)', 412],
    ['(Not <DAV:no-lock>)', 423],
    [`(<${token}>) (Not <DAV:no-lock>)`, 204],
    [`(<${token}x>) (Not <DAV:no-lock>)`, 423],
    [`(Not <${token}>)`, 412],
    [`(["other"]) (<${token}>)`, 204],
    [`</home/no> (<${token}>)`, 412],
  ];
  for (const [If, status] of conditions) {
    assert.equal((await server.send('PUT', '/home/a', { headers: { If }, body: 'text' })).status, status, If);
  }
  assert.equal((await proppatch(server, '/home/a', dead, { If: `(<${token}>)` })).status, 207);
  assert.equal((await server.send('DELETE', '/home/a', { headers: { If: `(<${token}>)` } })).status, 204);
});

test('M-35: UNLOCK of what has ended by itself is fine; of what never was, an error', async (t) => {
  const server = await serveIndexed(t);
  const fresh = async (path: string) => {
    await store(server, path);
    return tokenOf(await lock(server, path, { Timeout: 'Second-60' }));
  };
  const open = await fresh('/home/open');
  assert.equal(
    (await server.send('UNLOCK', '/home/open', { headers: { 'Lock-Token': open } })).status,
    204,
    'no brackets',
  );
  assert.equal((await unlock(server, '/home/open', open)).status, 204, 'twice');
  const ends: readonly [string, (If: string) => Promise<unknown>][] = [
    ['expired', () => server.drive.clock.advance(61_000)],
    ['deleted', (If) => server.send('DELETE', '/home/deleted', { headers: { If } })],
    ['moved', (If) => server.send('MOVE', '/home/moved', { headers: { If, Destination: '/home/elsewhere' } })],
    [
      'replaced',
      async (If) => {
        await store(server, '/home/other');
        await server.send('MOVE', '/home/other', { headers: { If, Destination: '/home/replaced' } });
      },
    ],
  ];
  for (const [what, end] of ends) {
    const token = await fresh(`/home/${what}`);
    await end(`(<${token}>)`);
    assert.equal((await unlock(server, `/home/${what}`, token)).status, 204, what);
  }
  const never = await unlock(server, '/home/open', 'opaquelocktoken:00000000-0000-0000-0000-000000000000');
  assert.equal(never.status, 409);
  assert.match(never.text, /lock-token-matches-request-uri/);
  assert.equal((await server.send('UNLOCK', '/home/open')).status, 400);
});

test('M-36: locks block no reader, do not follow COPY, end with DELETE and after their time, and outlive a restart', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  await store(server, '/home/d/a');
  const answer = await lock(server, '/home/d', { Timeout: 'Second-600' });
  const token = tokenOf(answer);
  assert.match(token, /^[!-~]{1,64}$/);
  assert.equal((await propfind(server, '/home/d', '1')).status, 207);
  for (const method of ['GET', 'HEAD']) assert.equal((await server.send(method, '/home/d/a')).status, 200);
  assert.equal((await server.send('COPY', '/home/d', { headers: { Destination: '/home/copy' } })).status, 201);
  assert.equal(await put(server, '/home/copy/a'), 204);
  await server.drive.crash();
  await server.drive.reopen();
  assert.equal(await put(server, '/home/d/a'), 423, 'after a restart');
  await server.drive.clock.advance(599_000);
  assert.equal(await put(server, '/home/d/a'), 423, 'not before its time');
  await server.drive.clock.advance(2_000);
  assert.equal(await put(server, '/home/d/a'), 204);
  const second = tokenOf(await lock(server, '/home/d/a'));
  assert.equal((await server.send('DELETE', '/home/d/a', { headers: { If: `(<${second}>)` } })).status, 204);
  assert.equal(await put(server, '/home/d/a'), 201, 'the next one of that name is free');
});

test('M-36: what is asked for is granted up to an hour', async (t) => {
  const server = await serveIndexed(t);
  const cases: readonly [string, number][] = [
    ['Second-600', 600],
    ['Second-3600', 3600],
    ['Second-86400', 3600],
    ['Infinite', 3600],
    ['Infinite, Second-4100000000', 3600],
    ['Second-1', 1],
    ['nonsense', 3600],
  ];
  for (const [at, [Timeout, seconds]] of cases.entries()) {
    assert.match(
      (await lock(server, `/home/${at}`, { Timeout })).text,
      new RegExp(`<D:timeout>Second-${seconds}<`),
      Timeout,
    );
  }
});

test('M-36b: Finder keeps its lock over a rename, folders of open files included; everybody else loses it', async (t) => {
  const server = await serveIndexed(t);
  for (const [agent, status] of [
    [agents.finder, 204],
    ['other', 412],
  ] as const) {
    const headers = { 'User-Agent': agent };
    await store(server, '/home/a');
    const token = tokenOf(await lock(server, '/home/a', { ...headers, Depth: '0' }));
    const If = `(<${token}>)`;
    assert.equal(
      (await server.send('MOVE', '/home/a', { headers: { ...headers, Destination: '/home/b', If } })).status,
      201,
    );
    assert.equal(await put(server, '/home/b', { ...headers, If }), status, agent);
    assert.equal((await unlock(server, '/home/b', token, headers)).status, 204);
    await server.send('DELETE', '/home/b');
  }
});

test('M-36b: the adaptation can be switched off', async (t) => {
  const server = await serveIndexed(t, { adaptations: { locksFollowMove: false } });
  const headers = { 'User-Agent': agents.finder };
  await store(server, '/home/a');
  const If = `(<${tokenOf(await lock(server, '/home/a', headers))}>)`;
  await server.send('MOVE', '/home/a', { headers: { ...headers, Destination: '/home/b', If } });
  assert.equal(await put(server, '/home/b', { ...headers, If }), 412);
});

test('M-36c: several If lines count as one header', async (t) => {
  const server = await serveIndexed(t);
  const { port } = server;
  await makeFolder(server, '/home/d');
  const tokens: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    await store(server, `/home/d/${name}`);
    tokens.push(tokenOf(await lock(server, `/home/d/${name}`, { Depth: '0', 'User-Agent': agents.finder })));
  }
  const move = (held: readonly string[]) =>
    exchange(
      port,
      `MOVE /home/d/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ${agents.finder}\r\nDestination: http://localhost:${port}/home/e\r\n${held.map((token) => `If: (<${token}>)\r\n`).join('')}\r\n`,
    );
  assert.equal((await move(tokens.slice(1))).status, 423, 'one is missing');
  // RFC 4918 would judge the lists against the folder, where none of the tokens is; Finder means them as a set.
  assert.equal((await move(tokens)).status, 201);
  for (const [at, name] of ['a', 'b', 'c'].entries()) {
    assert.equal(await put(server, `/home/e/${name}`, { If: `(<${tokens[at]}>)`, 'User-Agent': agents.finder }), 204);
  }
});

async function locked(server: IndexedServer): Promise<string> {
  await store(server, '/home/a');
  return tokenOf(await lock(server, '/home/a'));
}

test('S-06: Explorer and Office set Win32 properties of what they locked without the token, and nothing else', async (t) => {
  const server = await serveIndexed(t);
  const token = await locked(server);
  for (const agent of [agents.windows, agents.word]) {
    const headers = { 'User-Agent': agent };
    assert.equal((await proppatch(server, '/home/a', win32, headers)).status, 207, agent);
    assert.equal(
      (await ask(server, '/home/a', 'getlastmodified')).value('getlastmodified'),
      'Sat, 05 Nov 1994 08:49:37 GMT',
    );
    assert.equal((await proppatch(server, '/home/a', dead, headers)).status, 423, 'other properties');
    assert.equal((await proppatch(server, '/home/a', win32 + dead, headers)).status, 423, 'among others');
    assert.equal(await put(server, '/home/a', headers), 423);
    assert.equal((await lock(server, '/home/a', headers)).status, 423);
    assert.equal(
      (await proppatch(server, '/home/a', win32, { ...headers, If: '(<opaquelocktoken:other>)' })).status,
      412,
    );
  }
  assert.equal((await proppatch(server, '/home/a', win32)).status, 423, 'everybody else');
  assert.equal((await unlock(server, '/home/a', token)).status, 204);
});

test('S-06: the adaptation can be switched off', async (t) => {
  const server = await serveIndexed(t, { adaptations: { win32WithoutToken: false } });
  await locked(server);
  assert.equal((await proppatch(server, '/home/a', win32, { 'User-Agent': agents.windows })).status, 423);
});
