/** PROPFIND and PROPPATCH; every 207 goes through the client models. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntryRow } from '../../src/volume/volume.js';
import { type Answer, serve, type TestServer } from './dav-client.js';
import { listed, readMultistatus } from './oracles.js';

const propfind = (server: TestServer, path: string, depth: string, body = '', headers = {}): Promise<Answer> =>
  server.send('PROPFIND', path, { headers: { Depth: depth, ...headers }, body });
const prop = (inside: string) =>
  `<?xml version="1.0"?><D:propfind xmlns:D="DAV:"><D:prop>${inside}</D:prop></D:propfind>`;
const patch = (server: TestServer, path: string, inside: string, headers = {}): Promise<Answer> =>
  server.send('PROPPATCH', path, { headers, body: `<D:propertyupdate xmlns:D="DAV:">${inside}</D:propertyupdate>` });

test('a listing shows what is there, whatever the names are', async (t) => {
  const server = await serve(t);
  const names = [
    'a b',
    'a+b',
    '100%',
    'x#y',
    'q?z',
    "it's",
    '(1)',
    'a&b;c',
    'Bücher',
    'e\u0301',
    '😀',
    'ä'.repeat(127),
    '._a',
    '~$x.docx',
    '%41',
  ];
  for (const name of names)
    assert.equal((await server.send('PUT', `/home/${encodeURIComponent(name)}`, { body: name })).status, 201, name);
  await server.send('MKCOL', '/home/folder');
  const seen = listed(await propfind(server, '/home/', '1'), '/home/');
  assert.deepEqual(seen[0], { name: '', folder: true, sizeBytes: undefined });
  const expected = [
    ...names.map((name) => ({ name, folder: false, sizeBytes: Buffer.byteLength(name) })),
    { name: 'folder', folder: true, sizeBytes: undefined },
  ];
  assert.deepEqual(seen.slice(1), expected);
  assert.deepEqual(listed(await propfind(server, '/home', '1'), '/home').slice(1), expected);
});

test('hrefs repeat the request in its own Unicode form', async (t) => {
  const server = await serve(t);
  await server.send('MKCOL', '/home/B%C3%BCcher');
  await server.send('PUT', '/home/B%C3%BCcher/%C3%A9', { body: 'x' });
  const decomposed = '/home/Bu%CC%88cher/';
  assert.deepEqual(
    readMultistatus(await propfind(server, decomposed, '1'), decomposed).map(({ href }) => href),
    [decomposed, `${decomposed}%C3%A9`],
  );
  const [only] = readMultistatus(await propfind(server, '/home/%42u%cc%88cher', '0'), '/home/Bu%CC%88cher');
  assert.equal(only!.href, decomposed);
});

test('the forms of a request: empty, allprop, propname, named, empty prop, include', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a.txt', { body: 'abc' });
  await patch(server, '/home/a.txt', '<D:set><D:prop><x:k xmlns:x="urn:x">v</x:k></D:prop></D:set>');
  const ask = async (body: string) =>
    readMultistatus(await propfind(server, '/home/a.txt', '0', body), '/home/a.txt')[0]!;
  const wrap = (inside: string) => `<D:propfind xmlns:D="DAV:">${inside}</D:propfind>`;
  for (const body of ['', wrap('<D:allprop/>')]) {
    const all = await ask(body);
    assert.deepEqual(
      [all.value('getcontentlength'), all.value('getcontenttype'), all.value('k', 'urn:x')],
      ['3', 'text/plain; charset=utf-8', 'v'],
    );
    assert.equal(all.value('displayname'), 'a.txt');
    assert.equal(all.value('quota-used-bytes'), undefined);
    assert.equal(all.value('lockdiscovery'), undefined);
    assert.deepEqual(
      all.propstats.map(({ status }) => status),
      [200],
    );
  }
  const names = (await ask(wrap('<D:propname/>'))).propstats[0]!.properties;
  for (const key of ['DAV: getetag', 'DAV: lockdiscovery', 'DAV: supportedlock', 'urn:x k'])
    assert.ok(names.has(key), key);
  assert.equal(names.has('DAV: quota-used-bytes'), false);
  const some = await ask(prop('<D:getetag/><D:nothing/><D:getcontentlength/><y xmlns="urn:y"/><z xmlns=""/>'));
  assert.deepEqual(
    some.propstats.map(({ status, properties }) => [status, [...properties.keys()]]),
    [
      [200, ['DAV: getetag', 'DAV: getcontentlength']],
      [404, ['DAV: nothing', 'urn:y y', ' z']],
    ],
  );
  assert.equal(some.value('getetag'), (await server.send('HEAD', '/home/a.txt')).headers.etag);
  assert.deepEqual(
    (await ask(prop(''))).propstats.map(({ properties }) => properties.size),
    [0],
  );
  const included = await ask(wrap('<D:allprop/><D:include><D:supportedlock/></D:include>'));
  assert.ok(included.value('supportedlock') !== undefined && included.value('getetag') !== undefined);
  for (const headers of [{ Brief: 't' }, { Prefer: 'return=minimal' }]) {
    const answer = await propfind(server, '/home/a.txt', '0', prop('<D:getetag/><D:nothing/>'), headers);
    assert.deepEqual(
      readMultistatus(answer, '/home/a.txt')[0]!.propstats.map(({ status }) => status),
      [200],
    );
  }
});

test('Depth: 1 of a file is one entry; infinity is refused by name; other values are a 400', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a', { body: 'abc' });
  assert.equal(listed(await propfind(server, '/home/a', '1'), '/home/a').length, 1);
  assert.equal(listed(await propfind(server, '/home/a', 'infinity'), '/home/a').length, 1);
  for (const headers of [{ Depth: 'infinity' }, {}]) {
    const answer = await server.send('PROPFIND', '/home/', { headers });
    assert.equal(answer.status, 403);
    assert.match(answer.text, /<D:error xmlns:D="DAV:"><D:propfind-finite-depth\/><\/D:error>$/);
  }
  for (const depth of ['2', '0, infinity', '', '-1'])
    assert.equal((await propfind(server, '/home/', depth)).status, 400, depth);
  const missing = await propfind(server, '/home/.DS_Store', '0');
  assert.deepEqual([missing.status, missing.text], [404, '']);
});

test('every ancestor of a volume answers as a folder', async (t) => {
  const server = await serve(t);
  assert.deepEqual(listed(await propfind(server, '/', '1'), '/').slice(1), [
    { name: 'home', folder: true, sizeBytes: undefined },
  ]);
  assert.equal((await propfind(server, '/nowhere', '0')).status, 404);
});

test('a large listing streams, and one that fails half way is cut', async (t) => {
  const server = await serve(t);
  const folder = (await server.volume.stat([]))!;
  const rows = Array.from(
    { length: 10_000 },
    (_, at): EntryRow => ({ ...folder, id: at + 10, name: `file ${at}.bin`, kind: 'file', etag: 'e', sizeBytes: at }),
  );
  let fails = false;
  server.volume.list = async function* () {
    for (let start = 0; start < rows.length; start += 500) {
      if (fails && start === 5000) throw new Error('index gone');
      yield rows.slice(start, start + 500);
    }
  };
  const answer = await propfind(server, '/home/', '1');
  assert.equal(answer.headers['transfer-encoding'], 'chunked');
  assert.equal(readMultistatus(answer, '/home/').length, 10_001);
  fails = true;
  await assert.rejects(propfind(server, '/home/', '1'), { code: 'ECONNRESET' });
});

test('2,500 files stay below what Explorer can show', async (t) => {
  const server = await serve(t);
  const folder = (await server.volume.stat([]))!;
  const rows = Array.from(
    { length: 2500 },
    (_, at): EntryRow => ({
      ...folder,
      id: at + 10,
      name: `${'n'.repeat(24)} ${String(at).padStart(4, '0')}.bin`,
      kind: 'file',
      sizeBytes: 1e9,
      etag: 'e',
    }),
  );
  server.volume.list = async function* () {
    yield rows;
  };
  const answer = await propfind(server, '/home', '1', '', { 'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.26100' });
  assert.equal(listed(answer, '/home').length, 2501);
});

test('quota is told to those who ask by name, not to the macOS that would hang', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a', { body: 'abc' });
  const body = prop('<D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/>');
  const ask = async (agent: string) =>
    readMultistatus(await propfind(server, '/home/', '0', body, { 'User-Agent': agent }), '/home/')[0]!;
  for (const agent of ['WebDAVFS/3.0.0 (03008000) Darwin/24.3.0 (arm64)', 'gvfs/1.50.3', 'WebDAVFS/1.0']) {
    const row = await ask(agent);
    assert.deepEqual(
      [row.value('quota-available-bytes'), row.value('quota-used-bytes')],
      [String(1024 ** 3 - 3), '3'],
      agent,
    );
  }
  for (const agent of [
    'WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)',
    'WebDAVFS/3.0.0 (03008000) Darwin/25.0.0 (arm64)',
  ]) {
    const row = await ask(agent);
    assert.deepEqual(
      row.propstats.map(({ status, properties }) => [status, properties.size]),
      [[404, 4]],
      agent,
    );
  }
});

test('dead properties: stored, kept over MOVE and COPY, removed, in document order, with their markup', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a', { body: 'x' });
  const value = '<e:p xmlns:e="http://e/ns" e:at="1"><q xmlns="urn:q">1 &lt; 2</q></e:p>';
  const set = `<D:set><D:prop>${value}</D:prop></D:set>`;
  const done = readMultistatus(await patch(server, '/home/a', set), '/home/a')[0]!;
  assert.deepEqual(
    done.propstats.map(({ status, properties }) => [status, [...properties.keys()]]),
    [[200, ['http://e/ns p']]],
  );
  await server.send('MOVE', '/home/a', { headers: { Destination: '/home/b' } });
  await server.send('COPY', '/home/b', { headers: { Destination: '/home/c' } });
  for (const path of ['/home/b', '/home/c']) {
    const answer = await propfind(server, path, '0', prop('<p xmlns="http://e/ns"/>'));
    assert.ok(answer.text.includes(value), answer.text);
  }
  const remove = '<D:remove><D:prop><p xmlns="http://e/ns"/></D:prop></D:remove>';
  assert.match((await patch(server, '/home/b', set + remove)).text, /200 OK/);
  assert.equal((await propfind(server, '/home/b', '0')).text.includes('urn:q'), false);
  assert.match((await patch(server, '/home/b', remove + remove)).text, /200 OK/);
  await patch(server, '/home/b', remove + set);
  assert.ok((await propfind(server, '/home/b', '0')).text.includes(value));
});

test('a protected property fails the whole PROPPATCH', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a', { body: 'x' });
  const inside = '<D:set><D:prop><k xmlns="urn:k">1</k><D:getetag>2</D:getetag></D:prop></D:set>';
  const row = readMultistatus(await patch(server, '/home/a', inside), '/home/a')[0]!;
  assert.deepEqual(
    row.propstats.map(({ status, properties }) => [status, [...properties.keys()]]),
    [
      [424, ['urn:k k']],
      [403, ['DAV: getetag']],
    ],
  );
  assert.match((await patch(server, '/home/a', inside)).text, /<D:cannot-modify-protected-property\/>/);
  assert.equal((await propfind(server, '/home/a', '0')).text.includes('urn:k'), false);
  assert.equal((await patch(server, '/home/no', inside)).status, 404);
  for (const body of ['', '<D:set/>', '<a/>']) assert.equal((await patch(server, '/home/a', body)).status, 400, body);
});

test('times can be set in each of the ways clients know', async (t) => {
  const server = await serve(t);
  await server.send('PUT', '/home/a', { body: 'x' });
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  const ways = [
    `<D:getlastmodified>${date}</D:getlastmodified>`,
    '<D:lastmodified>784111777</D:lastmodified>',
    `<Z:Win32LastModifiedTime xmlns:Z="urn:schemas-microsoft-com:">${date}</Z:Win32LastModifiedTime>`,
  ];
  for (const way of ways) {
    await patch(server, '/home/a', '<D:set><D:prop><D:lastmodified>1000000000</D:lastmodified></D:prop></D:set>');
    const answer = await patch(server, '/home/a', `<D:set><D:prop>${way}</D:prop></D:set>`);
    assert.deepEqual(
      readMultistatus(answer, '/home/a')[0]!.propstats.map(({ status }) => status),
      [200],
      way,
    );
    assert.equal((await server.send('HEAD', '/home/a')).headers['last-modified'], date, way);
  }
  const created =
    '<Z:Win32CreationTime xmlns:Z="urn:schemas-microsoft-com:">Sat, 05 Nov 1994 08:49:37 GMT</Z:Win32CreationTime>';
  await patch(server, '/home/a', `<D:set><D:prop>${created}</D:prop></D:set>`);
  const row = readMultistatus(
    await propfind(
      server,
      '/home/a',
      '0',
      prop('<D:creationdate/><w:Win32CreationTime xmlns:w="urn:schemas-microsoft-com:"/>'),
    ),
    '/home/a',
  )[0]!;
  assert.deepEqual(
    [row.value('creationdate'), row.value('Win32CreationTime', 'urn:schemas-microsoft-com:')],
    ['1994-11-05T08:49:37Z', 'Sat, 05 Nov 1994 08:49:37 GMT'],
  );
  assert.match(
    (await patch(server, '/home/a', '<D:set><D:prop><D:getlastmodified>soon</D:getlastmodified></D:prop></D:set>'))
      .text,
    /409 Conflict/,
  );
});
