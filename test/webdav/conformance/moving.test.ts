/** COPY and MOVE: what they refuse, what they answer, and that nothing is ever lost by them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestServer } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { listed } from '../oracles.js';
import { makeFolder, propfind, propfindBody, proppatch, setting, store } from '../requests.js';

type Server = Pick<TestServer, 'send'>;

const send = async (
  server: Server,
  method: string,
  path: string,
  Destination: string,
  headers: Record<string, string> = {},
) => (await server.send(method, path, { headers: { Destination, ...headers } })).status;
const names = async (server: Server, path: string) =>
  listed(await propfind(server, path, '1'), path)
    .slice(1)
    .map(({ name }) => name);

test('M-07: MOVE onto itself is 403, whatever the spelling of the path, and changes nothing', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a%20b', 'text');
  await makeFolder(server, '/home/d');
  for (const target of ['/home/a%20b', '/home/%61%20b', `http://127.0.0.1:${server.port}/home/a%20b`, '/home//a%20b']) {
    assert.equal(await send(server, 'MOVE', '/home/a%20b', target), 403, target);
  }
  assert.equal(await send(server, 'MOVE', '/home/d/', '/home/d'), 403);
  assert.equal((await server.send('GET', '/home/a%20b')).text, 'text');
  assert.deepEqual(await names(server, '/home/'), ['a b', 'd']);
});

test('M-07: another case or another Unicode form renames in place and never deletes', async (t) => {
  const server = await serveIndexed(t);
  const renames = [
    ['a.txt', 'A.txt'],
    ['e\u0301', '\u00e9'],
    ['\u00fc', 'u\u0308'],
    ['Ordner', 'ORDNER'],
  ] as const;
  for (const agent of [
    '',
    'Microsoft-WebDAV-MiniRedir/10.0.26100',
    'WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)',
  ]) {
    for (const [from, to] of renames) {
      for (const headers of [{}, { Overwrite: 'F' }, { Overwrite: 'T' }] as Record<string, string>[]) {
        await store(server, `/home/${encodeURIComponent(from)}`, `${from} ${to}`);
        const all = { 'User-Agent': agent, ...headers };
        const status = await send(
          server,
          'MOVE',
          `/home/${encodeURIComponent(from)}`,
          `/home/${encodeURIComponent(to)}`,
          all,
        );
        assert.ok(status === 201 || status === 204, `${agent} ${from} ${to}: ${status}`);
        assert.deepEqual(await names(server, '/home/'), [to]);
        assert.equal((await server.send('GET', `/home/${encodeURIComponent(to)}`)).text, `${from} ${to}`);
        await server.send('DELETE', `/home/${encodeURIComponent(to)}`);
      }
    }
  }
});

test('M-08: COPY onto itself, and COPY or MOVE into its own tree or over its own parent, change nothing', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  await makeFolder(server, '/home/d/e');
  await store(server, '/home/d/e/x', 'text');
  const refused: readonly [string, string, string][] = [
    ['COPY', '/home/d/e/x', '/home/d/e/x'],
    ['COPY', '/home/d', '/home/d/'],
    ['COPY', '/home/d', '/home/d/e/copy'],
    ['MOVE', '/home/d', '/home/d/e/moved'],
    ['MOVE', '/home/d', '/home/d/moved'],
    ['MOVE', '/home/d/e', '/home/d'],
    ['COPY', '/home/d/e/x', '/home/d'],
    ['MOVE', '/home', '/home/d/home'],
    ['COPY', '/home/d', '/home'],
    ['MOVE', '/home/d', '/home/'],
  ];
  for (const [method, path, target] of refused) {
    const status = await send(server, method, path, target);
    assert.ok(status === 403 || status === 409, `${method} ${path} ${target}: ${status}`);
  }
  assert.deepEqual(
    [await names(server, '/home/'), await names(server, '/home/d/'), await names(server, '/home/d/e/')],
    [['d'], ['e'], ['x']],
  );
  assert.equal((await server.send('GET', '/home/d/e/x')).text, 'text');
});

test('M-06 M-32: without an Overwrite header the target is replaced; F refuses', async (t) => {
  const server = await serveIndexed(t);
  for (const method of ['COPY', 'MOVE']) {
    const fresh = async () => {
      await store(server, '/home/a', 'a');
      await store(server, '/home/b', 'b');
    };
    await fresh();
    assert.equal(await send(server, method, '/home/a', '/home/b', { Overwrite: 'F' }), 412);
    assert.equal((await server.send('GET', '/home/b')).text, 'b');
    assert.equal(await send(server, method, '/home/a', '/home/new', { Overwrite: 'F' }), 201);
    await fresh();
    assert.equal(await send(server, method, '/home/a', '/home/b'), 204);
    assert.equal((await server.send('GET', '/home/b')).text, 'a');
    await fresh();
    assert.equal(await send(server, method, '/home/a', '/home/b', { Overwrite: 'T' }), 204);
    assert.equal((await server.send('HEAD', '/home/a')).status, method === 'MOVE' ? 404 : 200);
    await server.send('DELETE', '/home/new');
  }
});

test('M-32: Destination in every scheme, and what is none', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a', 'text');
  const host = `127.0.0.1:${server.port}`;
  for (const Destination of [
    '/home/b',
    '/home/b/',
    ...['http', 'https', 'webdav', 'webdavs', 'dav', 'davs', 'HTTP'].map((scheme) => `${scheme}://${host}/home/b`),
    'https://LOCALHOST/home/b',
    `http://[::1]:${server.port}/home/b`,
  ]) {
    assert.equal(await send(server, 'COPY', '/home/a', Destination), 201, Destination);
    assert.equal(await send(server, 'MOVE', '/home/b', '/home/c'), 201);
    await server.send('DELETE', '/home/c');
  }
  for (const method of ['COPY', 'MOVE']) {
    assert.equal((await server.send(method, '/home/a')).status, 400, 'no Destination');
    for (const bad of [
      '',
      'b',
      'http://',
      'ftp://localhost/home/b',
      '/home/%zz',
      '/home/b#c',
      'http://localhost:port/home/b',
      '/home/../b',
    ]) {
      assert.equal(await send(server, method, '/home/a', bad), 400, bad);
    }
    assert.equal(await send(server, method, '/home/a', '/home/no/b'), 409);
    assert.equal(await send(server, method, '/home/no', '/home/b'), 404);
  }
  assert.equal((await server.send('GET', '/home/a')).text, 'text');
});

test('M-32: COPY with Depth 0 is an empty folder with the properties; with infinity it is the tree', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  await store(server, '/home/d/x');
  await proppatch(server, '/home/d', setting('<k xmlns="urn:k">value</k>'));
  assert.equal(await send(server, 'COPY', '/home/d', '/home/e', { Depth: '0' }), 201);
  assert.equal(await send(server, 'COPY', '/home/d/', '/home/f', { Depth: 'infinity' }), 201);
  assert.deepEqual([await names(server, '/home/e/'), await names(server, '/home/f/')], [[], ['x']]);
  for (const path of ['/home/e', '/home/f']) {
    assert.match((await propfind(server, path, '0', propfindBody('<k xmlns="urn:k"/>'))).text, />value<\/k>/);
  }
});

test('S-17: replacing by MOVE leaves one file at the path, with the new content, at every moment', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/doc', 'old');
  for (const [from, to, headers] of [
    ['doc', '~WRL0001.tmp', { Overwrite: 'F' }],
    ['~WRD0000.tmp', 'doc', { Overwrite: 'T' }],
  ] as const) {
    await store(server, '/home/~WRD0000.tmp', 'new');
    await send(server, 'MOVE', `/home/${from}`, `/home/${to}`, headers);
  }
  await server.send('DELETE', '/home/~WRL0001.tmp');
  assert.deepEqual(await names(server, '/home/'), ['doc']);
  assert.equal((await server.send('GET', '/home/doc')).text, 'new');
});
