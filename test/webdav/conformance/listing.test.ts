/** What a listing says, how it is written, and how it leaves. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import type { EntryRow } from '../../../src/volume/volume.js';
import { serve, type TestServer } from '../dav-client.js';
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
  until,
} from '../requests.js';

const wrap = (inside: string) => `<?xml version="1.0"?><D:propfind xmlns:D="DAV:">${inside}</D:propfind>`;
const finderProperties = propfindBody('getlastmodified', 'getcontentlength', 'creationdate', 'resourcetype');
const hrefsOf = (text: string) => [...text.matchAll(/<D:href>([^<]*)</g)].map(([, href]) => href!);

test('M-20: every form of a PROPFIND is understood, and what is malformed is a 400', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const forms = [
    '',
    wrap('<D:allprop/>'),
    wrap('<D:propname/>'),
    wrap('<D:prop><D:getetag/></D:prop>'),
    wrap('<D:prop/>'),
    wrap('<D:allprop/><D:include><D:supportedlock/></D:include>'),
  ];
  for (const path of ['/home/', '/home/a', '/']) {
    for (const body of forms) {
      for (const depth of ['0', '1'])
        assert.equal((await propfind(server, path, depth, body)).status, 207, `${path} ${body}`);
    }
    for (const body of [
      '<D:propfind xmlns:D="DAV:"><D:prop>',
      '<propfind><prop/></propfind>',
      wrap('<D:prop><x:y/></D:prop>'),
      'text',
    ]) {
      assert.equal((await propfind(server, path, '0', body)).status, 400, body);
    }
  }
  assert.equal((await server.send('PROPFIND', '/home/a')).status, 207, 'no Depth, no tree');
});

test('M-20 N-01: a whole tree is refused by the name of its condition', async (t) => {
  const server = await serveIndexed(t);
  for (const headers of [{}, { Depth: 'infinity' }]) {
    const answer = await server.send('PROPFIND', '/home/', { headers });
    assert.equal(answer.status, 403);
    assert.match(answer.text, /<D:error xmlns:D="DAV:"><D:propfind-finite-depth\/><\/D:error>$/);
  }
});

test('M-21: only what was asked for; what is missing stands in one 404 propstat, or nowhere', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const row = await ask(server, '/home/a', 'getetag', 'nothing', 'getcontentlength', '<y xmlns="urn:y"/>');
  assert.deepEqual(
    row.propstats.map(({ status, properties }) => [status, [...properties.keys()]]),
    [
      [200, ['DAV: getetag', 'DAV: getcontentlength']],
      [404, ['DAV: nothing', 'urn:y y']],
    ],
  );
  for (const headers of [{ Brief: 't' }, { Prefer: 'return=minimal' }, { Prefer: 'wait=10, return=minimal' }] as Record<
    string,
    string
  >[]) {
    const brief = await propfind(server, '/home/a', '0', propfindBody('getetag', 'nothing'), headers);
    const [only] = readMultistatus(brief, '/home/a');
    assert.deepEqual(
      only!.propstats.map(({ status, properties }) => [status, properties.size]),
      [[200, 1]],
    );
  }
  for (const agent of [agents.finder, agents.windows]) {
    const folder = await propfind(server, '/home/', '1', finderProperties, { 'User-Agent': agent });
    assert.doesNotMatch(folder.text, / 404 /, agent);
  }
  assert.match((await propfind(server, '/home/', '0', finderProperties)).text, / 404 /, 'everybody else is told');
});

test('M-22: one path-absolute href for each entry, in plain ASCII, the folder first', async (t) => {
  const server = await serveIndexed(t);
  const names = [
    'a b',
    "it's",
    'a&b',
    '<x>',
    '"q"',
    '(1)',
    '50%',
    '#',
    '?',
    '+',
    ';:@=$,!*',
    'ä',
    '😀',
    '%41',
    '~',
    '[x]',
    '{y}',
  ];
  for (const name of names) await store(server, `/home/${encodeURIComponent(name)}`, name);
  await makeFolder(server, '/home/folder');
  for (const agent of ['', agents.finder]) {
    const answer = await propfind(server, '/home/', '1', finderProperties, { 'User-Agent': agent });
    assert.equal(answer.headers['content-type'], 'application/xml; charset="utf-8"');
    assert.match(
      answer.text,
      /^<\?xml version="1\.0" encoding="utf-8"\?><D:multistatus xmlns:D="DAV:"><D:response><D:href>\/home\/<\/D:href>/,
    );
    assert.doesNotMatch(answer.text, />\s|\s</);
    const hrefs = hrefsOf(answer.text);
    for (const href of hrefs) assert.match(href, /^\/(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+$/);
    assert.equal(hrefs.length, names.length + 2);
    const seen = listed(answer, '/home/').map(({ name }) => name);
    assert.deepEqual(seen.slice(1).sort(), [...names, 'folder'].sort());
  }
});

test('M-23: hrefs repeat the path of the request in its own Unicode form', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/B%C3%BCcher');
  await store(server, '/home/B%C3%BCcher/%C3%A9');
  await store(server, '/home/B%C3%BCcher/e%CC%81%CC%81');
  for (const path of ['/home/Bu%CC%88cher/', '/home/B%C3%BCcher/']) {
    const hrefs = readMultistatus(await propfind(server, path, '1'), path).map(({ href }) => href);
    assert.equal(hrefs[0], path);
    assert.deepEqual(
      hrefs.slice(1).sort(),
      [`${path}%C3%A9`, `${path}e%CC%81%CC%81`].sort(),
      'children as they were stored',
    );
    const token = await lock(server, path, { Depth: '0' });
    assert.match(token.text, new RegExp(`<D:lockroot><D:href>${path.slice(0, -1)}/?</D:href>`));
    const done = await server.send('UNLOCK', path, { headers: { 'Lock-Token': String(token.headers['lock-token']) } });
    assert.equal(done.status, 204);
  }
});

test('M-24: a file has a type, a length, dates and the ETag of its header; a folder has what folders have', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a.txt', 'abc');
  await makeFolder(server, '/home/d');
  const names = ['resourcetype', 'getcontentlength', 'getlastmodified', 'getetag', 'creationdate', 'getcontenttype'];
  const head = (await server.send('HEAD', '/home/a.txt')).headers;
  for (const row of [
    await ask(server, '/home/a.txt', ...names),
    readMultistatus(await propfind(server, '/home/a.txt'), '/home/a.txt')[0]!,
  ]) {
    assert.deepEqual(
      names.map((name) => row.value(name)),
      ['', '3', head['last-modified'], head.etag, '2026-01-01T00:00:00Z', 'text/plain; charset=utf-8'],
    );
  }
  const folder = readMultistatus(await propfind(server, '/home/d'), '/home/d')[0]!;
  assert.equal(folder.propstats[0]!.properties.get('DAV: resourcetype')!.children.length, 1);
  assert.deepEqual([folder.value('getcontentlength'), folder.value('getetag')], [undefined, undefined]);
  assert.ok(folder.value('getlastmodified') && folder.value('creationdate'));
});

test('M-25: a folder is as new as the last change of what is in it', async (t) => {
  const server = await serveIndexed(t);
  const { clock } = server.drive;
  await makeFolder(server, '/home/d');
  await makeFolder(server, '/home/other');
  const modified = async (path = '/home/d') =>
    Date.parse((await ask(server, path, 'getlastmodified')).value('getlastmodified')!);
  const changes: readonly [string, () => Promise<unknown>, boolean][] = [
    ['create a file', () => store(server, '/home/d/a'), true],
    ['create a folder', () => makeFolder(server, '/home/d/e'), true],
    ['rename', () => server.send('MOVE', '/home/d/a', { headers: { Destination: '/home/d/b' } }), true],
    ['change the content', () => store(server, '/home/d/b', 'other'), false],
    ['change a property', () => proppatch(server, '/home/d/b', setting('<k xmlns="urn:k">1</k>')), false],
    ['create deeper', () => store(server, '/home/d/e/x'), false],
    [
      'replace by MOVE',
      async () => {
        await store(server, '/home/other/y');
        await server.send('MOVE', '/home/other/y', { headers: { Destination: '/home/d/b' } });
      },
      true,
    ],
    ['COPY into it', () => server.send('COPY', '/home/d/b', { headers: { Destination: '/home/d/c' } }), true],
    ['MOVE out of it', () => server.send('MOVE', '/home/d/c', { headers: { Destination: '/home/other/c' } }), true],
    ['LOCK a free name', () => lock(server, '/home/d/locked'), true],
    ['delete', () => server.send('DELETE', '/home/d/b'), true],
  ];
  for (const [what, change, shows] of changes) {
    const before = await modified();
    await clock.advance(1000);
    await change();
    assert.equal((await modified()) - before >= 1000, shows, what);
  }
});

function rowsOf(folder: EntryRow, count: number, nameOf: (at: number) => string): EntryRow[] {
  return Array.from(
    { length: count },
    (_, at): EntryRow => ({
      ...folder,
      id: at + 10,
      parent: folder.id,
      name: nameOf(at),
      kind: 'file',
      etag: 'e'.repeat(32),
      sizeBytes: 40_000_000_000 + at,
    }),
  );
}

async function fill(server: TestServer, count: number, nameOf: (at: number) => string): Promise<void> {
  const rows = rowsOf((await server.volume.stat([]))!, count, nameOf);
  server.volume.list = async function* () {
    for (let start = 0; start < rows.length; start += 256) yield rows.slice(start, start + 256);
  };
}

test('M-26 W6: 2,500 files stay below what Explorer can show; 10,000 are served', async (t) => {
  const server = await serve(t);
  const windows = { 'User-Agent': agents.windows };
  // With the folder before it, an href of 40 characters.
  await fill(server, 2500, (at) => `${'n'.repeat(25)} ${String(at).padStart(4, '0')}.b`);
  const answer = await propfind(server, '/home', '1', '', windows);
  assert.equal(hrefsOf(answer.text)[1]!.length, 40);
  assert.equal(listed(answer, '/home').length, 2501);
  assert.ok(answer.body.length / 2501 <= 390, `${answer.body.length / 2501} bytes an entry`);
  assert.doesNotMatch(answer.text, /supportedlock|lockdiscovery|displayname| 404 /);
  t.diagnostic(
    `${Math.round(answer.body.length / 2501)} bytes an entry: ${Math.floor(1_000_000 / (answer.body.length / 2501))} files fit`,
  );
  await fill(server, 10_000, (at) => `file ${at}.bin`);
  // Explorer shows nothing of so many, but other programs of Windows read them; so this answer is no failure.
  const many = await propfind(server, '/home', '1', '', { 'User-Agent': 'Microsoft-WebDAV/10.0' });
  assert.equal(listed(many, '/home').length, 10_001);
});

test('M-26: Win32 attributes show only where they say something', async (t) => {
  const server = await serveIndexed(t);
  const windows = { 'User-Agent': agents.windows };
  for (const [name, attributes] of [
    ['plain', '00000020'],
    ['hidden', '00000022'],
  ] as const) {
    await store(server, `/home/${name}`);
    await proppatch(
      server,
      `/home/${name}`,
      setting(
        `<Z:Win32FileAttributes>${attributes}</Z:Win32FileAttributes><Z:Win32LastAccessTime>Sat, 05 Nov 1994 08:49:37 GMT</Z:Win32LastAccessTime>`,
      ),
      windows,
    );
  }
  const seen = readMultistatus(await propfind(server, '/home', '1', '', windows), '/home');
  const attributes = seen.map((row) => row.value('Win32FileAttributes', 'urn:schemas-microsoft-com:'));
  assert.deepEqual(attributes, [undefined, '00000022', undefined]);
  assert.doesNotMatch((await propfind(server, '/home', '1', '', windows)).text, /Win32(?!FileAttributes)/);
});

test('M-27: what is not there costs one look into the index, and no node is asked', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  const stores = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  for (const each of stores) each.log.length = 0;
  const sequence = server.drive.told.batches.length;
  for (const name of ['.DS_Store', '._a', 'desktop.ini', 'Thumbs.db', 'Contents', 'a/b', 'no/such/path']) {
    for (const [method, body] of [
      ['PROPFIND', finderProperties],
      ['PROPFIND', ''],
      ['HEAD', ''],
      ['GET', ''],
    ] as const) {
      const answer = await server.send(method, `/home/${name}`, {
        headers: { Depth: '0', 'User-Agent': agents.finder },
        ...(body && { body }),
      });
      assert.equal(answer.status, 404, name);
      assert.ok(answer.body.length <= 200);
    }
  }
  assert.deepEqual(
    stores.flatMap(({ log }) => log),
    [],
    'operations of nodes',
  );
  assert.equal(server.drive.told.batches.length, sequence, 'nothing is written');
});

test('M-28: Depth 1 of a file is the file; GET and HEAD of a folder are a page', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a');
  assert.equal(readMultistatus(await propfind(server, '/home/a', '1'), '/home/a').length, 1);
  for (const path of ['/', '/home', '/home/']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await server.send(method, path);
      assert.deepEqual([status, /^text\/html/.test(headers['content-type']!)], [200, true], `${method} ${path}`);
    }
  }
});

test('S-09: the first entries leave while the index still looks for the others', async (t) => {
  const server = await serve(t);
  const rows = rowsOf((await server.volume.stat([]))!, 10_000, (at) => `file ${at}.bin`);
  let release = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    release = resolve;
  });
  server.volume.list = async function* () {
    yield rows.slice(0, 256);
    await arrived;
    yield rows.slice(256);
  };
  const outgoing = request({
    port: server.port,
    host: '127.0.0.1',
    method: 'PROPFIND',
    path: '/home/',
    headers: { Depth: '1' },
  });
  outgoing.end();
  let text = '';
  await new Promise<void>((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      response.on('data', (part: Buffer) => {
        if (text === '') release();
        text += part.toString();
      });
      response.on('end', resolve);
    });
  });
  assert.equal(hrefsOf(text).length, 10_001);
});

test('S-09: a client that does not read does not make the server gather the listing', async (t) => {
  const server = await serve(t);
  const rows = rowsOf((await server.volume.stat([]))!, 256, (at) => `${'n'.repeat(200)}${at}`);
  let pages = 0;
  let ended = false;
  server.volume.list = async function* () {
    try {
      for (; pages < 2000; pages += 1) yield rows.map((row) => ({ ...row, name: `${row.name} ${pages}` }));
    } finally {
      ended = true;
    }
  };
  const outgoing = request({
    port: server.port,
    host: '127.0.0.1',
    method: 'PROPFIND',
    path: '/home/',
    headers: { Depth: '1' },
  });
  outgoing.on('error', () => {});
  outgoing.end();
  await new Promise<void>((resolve) => {
    outgoing.on('response', (response) => {
      response.pause();
      resolve();
    });
  });
  // Whatever the system's buffers take is taken; then it stops.
  let before = -1;
  for (let turns = 0; turns < 200 || before !== pages; turns += 1) {
    before = pages;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(pages < 200, `${pages} of 2000 pages were taken for nobody`);
  outgoing.destroy();
  await until(() => ended);
});

test('S-09: nothing is packed that nobody asked to be packed', async (t) => {
  const server = await serve(t);
  await fill(server, 500, (at) => `file ${at}`);
  const plain = await propfind(server, '/home/', '1');
  assert.equal(plain.headers['content-encoding'], undefined);
});
