/** What clients ask before anything is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { listed, readMultistatus } from '../oracles.js';
import {
  agents,
  ask,
  lock,
  makeFolder,
  propfind,
  propfindBody,
  proppatch,
  setting,
  store,
  tokenOf,
  unlock,
} from '../requests.js';

const finderProperties = propfindBody('getlastmodified', 'getcontentlength', 'creationdate', 'resourcetype');
const quota = propfindBody('quota-available-bytes', 'quota-used-bytes', 'quota', 'quotaused');

test('M-11: OPTIONS is 200 with classes, methods and MS-Author-Via on any path', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  for (const path of ['/', '/home', '/home/', '/home/a', '/home/no', '/no', '*']) {
    for (const headers of [{}, { 'User-Agent': 'DavClnt' }, { 'User-Agent': 'WebDAVLib/1.3' }]) {
      const answer = await server.send('OPTIONS', path, { headers });
      assert.deepEqual(
        [answer.status, answer.headers['content-length'], answer.headers['ms-author-via']],
        [200, '0', 'DAV'],
        path,
      );
      assert.deepEqual(String(answer.headers.dav).split(', ').slice(0, 3), ['1', '2', '3']);
      const methods = String(answer.headers.allow).split(', ');
      for (const method of [
        'OPTIONS',
        'GET',
        'HEAD',
        'PUT',
        'DELETE',
        'MKCOL',
        'COPY',
        'MOVE',
        'PROPFIND',
        'PROPPATCH',
        'LOCK',
        'UNLOCK',
      ]) {
        assert.ok(methods.includes(method), method);
      }
    }
  }
});

test('M-11: a preflight of another web site is refused: without users it would open the drive to every page', async (t) => {
  const server = await serveIndexed(t);
  const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'PROPFIND' };
  const foreign = await server.send('OPTIONS', '/home/', { headers });
  assert.deepEqual([foreign.status, foreign.headers['access-control-allow-origin']], [403, undefined]);
  const own = { ...headers, Origin: `http://localhost:${server.port}`, Host: `localhost:${server.port}` };
  const answer = await server.send('OPTIONS', '/home/', { headers: own });
  assert.deepEqual([answer.status, String(answer.headers.dav).startsWith('1, 2')], [200, true]);
});

test('M-12 S-10: nobody is challenged, redirected or shown HTML by a DAV method', async (t) => {
  const server = await serveIndexed(t);
  for (const method of [
    'OPTIONS',
    'PROPFIND',
    'PROPPATCH',
    'LOCK',
    'UNLOCK',
    'PUT',
    'MKCOL',
    'MOVE',
    'COPY',
    'DELETE',
  ]) {
    for (const path of ['/', '/home', '/home/no/a']) {
      const { status, headers } = await server.send(method, path, { headers: { Depth: '0' } });
      assert.ok(status < 300 || (status >= 400 && status < 500 && status !== 401), `${method} ${path} ${status}`);
      assert.equal(headers['www-authenticate'], undefined);
      assert.doesNotMatch(headers['content-type'] ?? '', /html/);
    }
  }
});

test('M-13: every ancestor of the volume is a folder that lists the next one', async (t) => {
  const server = await serveIndexed(t);
  for (const depth of ['0', '1']) {
    const seen = listed(await propfind(server, '/', depth), '/');
    assert.deepEqual(
      seen.map(({ name, folder }) => [name, folder]),
      depth === '0'
        ? [['', true]]
        : [
            ['', true],
            ['home', true],
          ],
    );
  }
  assert.equal((await server.send('HEAD', '/')).status, 200);
});

test('M-14: what Finder asks of the root is a folder with dates', async (t) => {
  const server = await serveIndexed(t);
  for (const path of ['/home/', '/home', '/']) {
    const answer = await propfind(server, path, '0', finderProperties, { 'User-Agent': agents.finder });
    const [root] = readMultistatus(answer, path);
    assert.equal(root!.propstats[0]!.properties.get('DAV: resourcetype')!.children.length, 1);
    assert.match(root!.value('creationdate')!, /^(19[7-9]|2)\d+-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(root!.value('getlastmodified')!, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  }
});

test('M-14: dates before 1970 are shown as 1970', async (t) => {
  const server = await serve(t);
  const root = (await server.volume.stat([]))!;
  server.volume.stat = async () => ({ ...root, created: -62_135_596_800_000, modified: -1 });
  const answer = await ask(server, '/home/', 'creationdate', 'getlastmodified');
  assert.deepEqual(
    [answer.value('creationdate'), answer.value('getlastmodified')],
    ['1970-01-01T00:00:00Z', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  );
});

test('M-15: quota for everybody who asks by name but the macOS that hangs on it', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a', 'abc');
  const answerFor = async (agent: string) =>
    readMultistatus(await propfind(server, '/home/', '0', quota, { 'User-Agent': agent }), '/home/')[0]!;
  for (const agent of [
    agents.olderFinder,
    agents.gvfs,
    agents.windows,
    'davfs2/1.6.1 neon/0.32.5',
    'WebDAVFS/1.0',
    '',
  ]) {
    const row = await answerFor(agent);
    assert.match(row.value('quota-available-bytes')!, /^[1-9]\d*$/, agent);
    assert.equal(row.value('quota-used-bytes'), '3', agent);
  }
  for (const darwin of ['24.4.0', '24.6.0', '25.0.0', '26.1.0', '100.0']) {
    const row = await answerFor(`WebDAVFS/3.0.0 (03008000) Darwin/${darwin} (arm64)`);
    assert.deepEqual(
      row.propstats.map(({ status, properties }) => [status, properties.size]),
      [[404, 4]],
      darwin,
    );
  }
  for (const body of ['', '<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>']) {
    assert.doesNotMatch((await propfind(server, '/home/', '0', body)).text, /quota/);
  }
});

test('M-15: the adaptation can be switched off, for a macOS that has been mended', async (t) => {
  const server = await serveIndexed(t, { adaptations: { hidesQuota: false } });
  const answer = await propfind(server, '/home/', '0', quota, { 'User-Agent': agents.finder });
  assert.equal(readMultistatus(answer, '/home/')[0]!.value('quota-used-bytes'), '0');
});

test('M-15: available is what fits with all copies, and no negative number is ever shown', async (t) => {
  const server = await serveIndexed(t);
  const available = async () =>
    Number((await ask(server, '/home/', 'quota-available-bytes')).value('quota-available-bytes'));
  const { nodes } = server.drive;
  const free = nodes.reduce((sum, node) => sum + node.space!.freeBytes, 0);
  assert.ok((await available()) <= free / 2, 'two copies of everything');
  for (const node of nodes) node.noteSpace({ ...node.space!, freeBytes: 1000 });
  assert.equal(await available(), 0);
});

test('M-16: with and without a slash is the same folder for every method, and nothing is ever redirected', async (t) => {
  const server = await serveIndexed(t);
  for (const slash of ['', '/']) {
    const path = `/home/d${slash}`;
    const steps: [string, string, Record<string, string>, number][] = [
      ['MKCOL', path, {}, 201],
      ['PROPFIND', path, { Depth: '1' }, 207],
      ['COPY', path, { Destination: `/home/e${slash}` }, 201],
      ['COPY', path, { Destination: `/home/e${slash === '' ? '/' : ''}` }, 204],
      ['MOVE', `/home/e${slash}`, { Destination: `http://127.0.0.1:${server.port}/home/f` }, 201],
      ['MOVE', `/home/f${slash}`, { Destination: '/home/g/' }, 201],
      ['DELETE', `/home/g${slash}`, {}, 204],
      ['HEAD', path, {}, 200],
      ['GET', path, {}, 200],
    ];
    for (const [method, at, headers, status] of steps) {
      assert.equal((await server.send(method, at, { headers })).status, status, `${method} ${at}`);
    }
    assert.equal(
      readMultistatus(await proppatch(server, path, setting('<k xmlns="urn:k">1</k>')), path)[0]!.href,
      '/home/d/',
    );
    const token = tokenOf(await lock(server, path, { Depth: '0' }));
    assert.equal((await unlock(server, `/home/d${slash === '' ? '/' : ''}`, token)).status, 204);
    assert.equal((await server.send('DELETE', path)).status, 204);
  }
  await makeFolder(server, '/home/d');
  await store(server, '/home/d/file');
  for (const path of ['/home/d', '/home/d/']) {
    const hrefs = readMultistatus(await propfind(server, path, '1'), path).map(({ href }) => href);
    assert.deepEqual(hrefs, ['/home/d/', '/home/d/file']);
  }
  assert.equal(readMultistatus(await propfind(server, '/home/d/file/', '0'), '/home/d/file/')[0]!.href, '/home/d/file');
});

test('S-08: Spotlight and thumbnails find the files that keep them away; they are listed nowhere', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/d');
  const finder = { 'User-Agent': agents.finder };
  for (const name of ['.metadata_never_index', '.ql_disablethumbnails']) {
    const path = `/home/${name}`;
    const [entry] = readMultistatus(await propfind(server, path, '0', finderProperties, finder), path);
    assert.equal(entry!.value('getcontentlength'), '0');
    for (const method of ['GET', 'HEAD']) {
      const answer = await server.send(method, path, { headers: finder });
      assert.deepEqual([answer.status, answer.headers['content-length']], [200, '0']);
    }
    assert.equal((await propfind(server, path, '0')).status, 404, 'for others it is not there');
    assert.equal((await propfind(server, `/home/d${path.slice(5)}`, '0', '', finder)).status, 404, 'only at the root');
  }
  const all = listed(await propfind(server, '/home/', '1', finderProperties, finder), '/home/');
  assert.deepEqual(
    all.map(({ name }) => name),
    ['', 'd'],
  );
  assert.equal((await propfind(server, '/home/.localized', '0', finderProperties, finder)).status, 404);
  // A real file of that name is a file like any other.
  await store(server, '/home/.metadata_never_index', 'mine');
  assert.equal((await server.send('GET', '/home/.metadata_never_index', { headers: finder })).text, 'mine');
});

test('S-18: behind a proxy that ends TLS and rewrites the host, MOVE and If still find their way', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const origin = 'https://files.example.org';
  const headers = { Destination: `${origin}/home/b` };
  assert.equal(
    (await server.send('MOVE', '/home/a', { headers })).status,
    502,
    'a proxy that hides whom it speaks for',
  );
  const forwarded = { ...headers, 'X-Forwarded-Host': 'files.example.org' };
  assert.equal((await server.send('MOVE', '/home/a', { headers: forwarded })).status, 201);
  const token = tokenOf(await lock(server, '/home/b'));
  const put = await server.send('PUT', '/home/b', { headers: { If: `<${origin}/home/b> (<${token}>)` }, body: 'x' });
  assert.equal(put.status, 204);
  const elsewhere = await server.send('COPY', '/home/b', { headers: { Destination: `${origin}/other/b` } });
  assert.equal(elsewhere.status, 502, 'a path that is none of ours');
});

test('S-21: the Server header is short, and none that would put macOS into another mode', async (t) => {
  const server = await serveIndexed(t);
  for (const [method, path] of [
    ['OPTIONS', '/home/'],
    ['PROPFIND', '/home/'],
    ['GET', '/home/no'],
    ['GET', '/home/%ff'],
  ] as const) {
    const { headers } = await server.send(method, path, { headers: { Depth: '0' } });
    assert.equal(headers.server, 'Holdfast');
  }
});
