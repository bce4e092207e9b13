/** PROPPATCH, and the ways in which clients set times. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { readMultistatus } from '../oracles.js';
import {
  agents,
  ask,
  lock,
  makeFolder,
  propfind,
  propfindBody,
  proppatch,
  removing,
  setting,
  store,
  tokenOf,
} from '../requests.js';

const microsoft = 'urn:schemas-microsoft-com:';
const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
const outcome = async (server: Parameters<typeof proppatch>[0], path: string, inside: string, headers = {}) =>
  readMultistatus(await proppatch(server, path, inside, headers), path)[0]!.propstats.map(({ status, properties }) => [
    status,
    [...properties.keys()],
  ]);

test('M-37: the four Win32 properties are 200 with their names, with and without a lock', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  await store(server, '/home/a');
  const token = tokenOf(await lock(server, '/home/a'));
  const names = ['CreationTime', 'LastAccessTime', 'LastModifiedTime'].map((name) => `Win32${name}`);
  const inside = `${names.map((name) => `<Z:${name}>${date}</Z:${name}>`).join('')}<Z:Win32FileAttributes>00000022</Z:Win32FileAttributes>`;
  const all = [...names, 'Win32FileAttributes'].map((name) => `${microsoft} ${name}`);
  assert.deepEqual(await outcome(server, '/home/a', setting(inside), { If: `(<${token}>)` }), [[200, all]]);
  assert.deepEqual(await outcome(server, '/home/d', setting(inside)), [[200, all]]);
  const asked = propfindBody(...[...names, 'Win32FileAttributes'].map((name) => `<Z:${name} xmlns:Z="${microsoft}"/>`));
  const [row] = readMultistatus(await propfind(server, '/home/a', '0', asked), '/home/a');
  assert.deepEqual(
    [...names, 'Win32FileAttributes'].map((name) => row!.value(name, microsoft)),
    [date, date, date, '00000022'],
  );
});

test('M-37: dead properties keep their markup, and go with MOVE and COPY', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const value = '<e:p xmlns:e="http://e/ns" e:at="1"><q xmlns="urn:q">1 &lt; 2 ü</q></e:p>';
  assert.deepEqual(await outcome(server, '/home/a', setting(value)), [[200, ['http://e/ns p']]]);
  await server.send('MOVE', '/home/a', { headers: { Destination: '/home/b' } });
  await server.send('COPY', '/home/b', { headers: { Destination: '/home/c' } });
  for (const path of ['/home/b', '/home/c']) {
    assert.ok((await propfind(server, path, '0', propfindBody('<p xmlns="http://e/ns"/>'))).text.includes(value), path);
  }
  assert.equal((await store(server, '/home/c', 'other')).status, 204);
  assert.ok((await propfind(server, '/home/c')).text.includes(value), 'new content, same properties');
});

test('M-37: in document order, removing twice is fine, all or nothing', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const one = '<k xmlns="urn:k">1</k>';
  const two = '<k xmlns="urn:k">2</k>';
  const name = '<k xmlns="urn:k"/>';
  const value = async () => (await ask(server, '/home/a', name)).value('k', 'urn:k');
  for (const [inside, expected] of [
    [setting(one) + setting(two), '2'],
    [setting(one) + removing(name), undefined],
    [removing(name) + removing(name), undefined],
    [removing(name) + setting(two), '2'],
  ] as const) {
    assert.deepEqual(await outcome(server, '/home/a', inside), [[200, ['urn:k k']]]);
    assert.equal(await value(), expected);
  }
  for (const live of ['getetag', 'resourcetype', 'getcontentlength', 'lockdiscovery', 'quota-used-bytes']) {
    const refused = await proppatch(server, '/home/a', setting(`${one}<D:${live}>x</D:${live}>`));
    assert.deepEqual(
      readMultistatus(refused, '/home/a')[0]!.propstats.map(({ status }) => status),
      [424, 403],
      live,
    );
    assert.match(refused.text, /<D:cannot-modify-protected-property\/>/);
    assert.equal(await value(), '2');
  }
});

test('S-02: the times of Windows become the times of the entry, of folders too', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  await makeFolder(server, '/home/d');
  const created = 'Sat, 05 Nov 1994 08:49:37 GMT';
  for (const path of ['/home/a', '/home/d']) {
    await outcome(
      server,
      path,
      setting(
        `<Z:Win32LastModifiedTime>${date}</Z:Win32LastModifiedTime><Z:Win32CreationTime>${created}</Z:Win32CreationTime>`,
      ),
    );
    const row = await ask(server, path, 'getlastmodified', 'creationdate');
    assert.deepEqual([row.value('getlastmodified'), row.value('creationdate')], [date, '1994-11-05T08:49:37Z'], path);
  }
  assert.equal((await server.send('HEAD', '/home/a')).headers['last-modified'], date);
  const attributes = setting('<Z:Win32FileAttributes>00000006</Z:Win32FileAttributes>');
  assert.deepEqual(await outcome(server, '/home/a', attributes, { 'User-Agent': agents.windows }), [
    [200, [`${microsoft} Win32FileAttributes`]],
  ]);
});

test('S-03: DAV:lastmodified in seconds and DAV:getlastmodified as a date', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  for (const way of ['<D:lastmodified>784111777</D:lastmodified>', `<D:getlastmodified>${date}</D:getlastmodified>`]) {
    await proppatch(server, '/home/a', setting('<D:lastmodified>1000000000</D:lastmodified>'));
    assert.equal((await outcome(server, '/home/a', setting(way)))[0]![0], 200);
    assert.equal((await server.send('HEAD', '/home/a')).headers['last-modified'], date, way);
  }
  assert.equal((await outcome(server, '/home/a', setting('<D:getlastmodified>soon</D:getlastmodified>')))[0]![0], 409);
});

test("S-04: Cyberduck's own times are kept as it sent them", async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const inside = `<lastmodified xmlns="http://cyberduck.io/">${date}</lastmodified><lastmodified_server xmlns="http://cyberduck.io/">${date}</lastmodified_server>`;
  assert.equal((await outcome(server, '/home/a', setting(inside)))[0]![0], 200);
  const row = readMultistatus(await propfind(server, '/home/a', '1'), '/home/a')[0]!;
  assert.deepEqual(
    ['lastmodified', 'lastmodified_server'].map((name) => row.value(name, 'http://cyberduck.io/')),
    [date, date],
  );
});

test('N-02: what nobody is asked for stands in no allprop', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const asked = await ask(server, '/home/', 'current-user-principal', 'owner', 'acl', 'sync-token');
  assert.deepEqual(
    asked.propstats.map(({ status, properties }) => [status, properties.size]),
    [[404, 4]],
  );
  assert.doesNotMatch((await propfind(server, '/home/', '1')).text, /principal|owner|acl|sync/);
});
