/** What Finder and Explorer really send, header by header, and what they need back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { type Answer, serve, type TestServer } from './dav-client.js';
import { listed, readMultistatus } from './oracles.js';

const finder = {
  'User-Agent': 'WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)',
  Accept: '*/*',
  Connection: 'keep-alive',
};
const xmlType = { 'Content-Type': 'text/xml' };
const finderBody = (...names: string[]) =>
  `<?xml version="1.0" encoding="utf-8"?>\n<D:propfind xmlns:D="DAV:">\n<D:prop>\n${names.map((name) => `<D:${name}/>\n`).join('')}</D:prop>\n</D:propfind>\n`;
const p4 = finderBody('getlastmodified', 'getcontentlength', 'creationdate', 'resourcetype');
const p5 = p4
  .replace('<D:prop>', '<D:prop xmlns:A="http://www.apple.com/webdav_fs/props/">')
  .replace('</D:prop>', '<A:appledoubleheader/>\n</D:prop>');
const pq = finderBody('quota-available-bytes', 'quota-used-bytes', 'quota', 'quotaused');
const finderLock =
  '<?xml version="1.0" encoding="utf-8"?>\n<D:lockinfo xmlns:D="DAV:">\n<D:lockscope><D:exclusive/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n' +
  '<D:owner>\n<D:href>http://www.apple.com/webdav_fs/</D:href>\n</D:owner>\n</D:lockinfo>\n';

function ask(server: TestServer, path: string, body: string, depth = '0'): Promise<Answer> {
  return server.send('PROPFIND', path, { headers: { ...finder, ...xmlType, Depth: depth }, body });
}

/** LOCK as Finder opens a file for writing. */
async function open(server: TestServer, path: string): Promise<string> {
  const headers = { ...finder, 'Content-Type': 'text/xml; charset="utf-8"', Depth: '0', Timeout: 'Second-600' };
  const granted = await server.send('LOCK', path, { headers, body: finderLock });
  assert.equal(granted.status, 200);
  const tokens = [...granted.text.matchAll(/<D:locktoken><D:href>([^<]*)<\/D:href>/g)];
  assert.equal(tokens.length, 1, 'Finder takes the last token of several');
  return tokens[0]![1]!;
}

async function shut(server: TestServer, path: string, token: string): Promise<void> {
  const answer = await server.send('UNLOCK', path, { headers: { ...finder, 'Lock-Token': `<${token}>` } });
  assert.equal(answer.status, 204);
}

async function create(server: TestServer, path: string): Promise<void> {
  const answer = await server.send('PUT', path, { headers: { ...finder, 'Content-Length': 0 }, body: '' });
  assert.equal(answer.status, 201);
  assert.ok(answer.headers.date);
}

test('F1: Finder mounts', async (t) => {
  const server = await serve(t);
  for (const agent of ['WebDAVLib/1.3', finder['User-Agent']]) {
    const answer = await server.send('OPTIONS', '/home/', { headers: { ...finder, 'User-Agent': agent } });
    assert.equal(answer.status, 200);
    assert.ok(
      String(answer.headers.dav)
        .split(/\s*,\s*/)
        .includes('2'),
    );
  }
  const [base] = readMultistatus(await ask(server, '/home/', p4), '/home/');
  const types = base!.propstats[0]!.properties.get('DAV: resourcetype')!;
  assert.equal(types.children.length, 1);
  assert.match(base!.value('creationdate')!, /^\d{4}-.*Z$/);
  const [quota] = readMultistatus(await ask(server, '/home/', pq), '/home/');
  assert.deepEqual(
    quota!.propstats.map(({ status, properties }) => [status, properties.size]),
    [[404, 4]],
  );
  await create(server, '/home/e%CC%81%20(1)&+,=@!.txt');
  const expected = [
    { name: '', folder: true, sizeBytes: undefined },
    { name: 'e\u0301 (1)&+,=@!.txt', folder: false, sizeBytes: 0 },
  ];
  for (const body of [p4, p5]) assert.deepEqual(listed(await ask(server, '/home/', body, '1'), '/home/'), expected);
  for (const probe of [
    '.DS_Store',
    '._.',
    '.hidden',
    '.Spotlight-V100',
    'Contents',
    'mach_kernel',
    'Backups.backupdb',
  ]) {
    const answer = await ask(server, `/home/${probe}`, p4);
    assert.deepEqual([answer.status, answer.body.length], [404, 0], probe);
  }
});

test('F2: Finder copies a small file in', async (t) => {
  const server = await serve(t);
  for (const [name, content] of [
    ['a.txt', 'the content'],
    ['._a.txt', 'AppleDouble'],
  ] as const) {
    const path = `/home/${name}`;
    assert.equal((await ask(server, path, p4)).status, 404);
    await create(server, path);
    const token = await open(server, path);
    const saved = await server.send('PUT', path, { headers: { ...finder, If: `(<${token}>)` }, body: content });
    assert.equal(saved.status, 204);
    assert.ok(saved.headers.etag && saved.headers['last-modified']);
    await shut(server, path, token);
    // chmod and utimes: a 304 saves a whole download.
    const second = await open(server, path);
    const headers = { ...finder, 'If-Modified-Since': saved.headers['last-modified'] };
    assert.equal((await server.send('GET', path, { headers })).status, 304);
    await shut(server, path, second);
  }
});

test('F3: Finder copies a large file in, in chunks with pauses', async (t) => {
  const server = await serve(t);
  await create(server, '/home/big');
  const token = await open(server, '/home/big');
  const socket = connect({ host: '127.0.0.1', port: server.port });
  t.after(() => socket.destroy());
  const piece = Buffer.alloc(65_536, 7);
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
  socket.write(
    `PUT /home/big HTTP/1.1\r\nHost: localhost:${server.port}\r\nAccept: */*\r\nUser-Agent: ${finder['User-Agent']}\r\n` +
      `Transfer-Encoding: chunked\r\nX-Expected-Entity-Length: ${piece.length * 2}\r\nIf: (<${token}>)\r\nConnection: keep-alive\r\n\r\n`,
  );
  socket.write(chunk);
  while (server.volume.openUploads === 0) await new Promise(setImmediate);
  // The pause: meanwhile the lock is refreshed on another connection and everybody sees the file before.
  const headers = { ...finder, ...xmlType, If: `(<${token}>)`, Depth: '0', Timeout: 'Second-600' };
  const refreshed = await server.send('LOCK', '/home/big', { headers });
  assert.equal(refreshed.status, 200);
  assert.ok(refreshed.text.includes('<D:lockdiscovery>') && refreshed.text.includes(token));
  assert.equal((await server.send('GET', '/home/big')).body.length, 0);
  socket.write(Buffer.concat([chunk, Buffer.from('0\r\n\r\n')]));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 204 /);
  assert.deepEqual((await server.send('GET', '/home/big')).body, Buffer.concat([piece, piece]));
  await shut(server, '/home/big', token);
});

test('F3b: the connection breaks; the lock is still good and the second try succeeds', async (t) => {
  const server = await serve(t);
  await create(server, '/home/big');
  const token = await open(server, '/home/big');
  const socket = connect({ host: '127.0.0.1', port: server.port });
  socket.write(
    `PUT /home/big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nX-Expected-Entity-Length: 6\r\nIf: (<${token}>)\r\n\r\n3\r\nabc\r\n`,
  );
  while (server.volume.openUploads === 0) await new Promise(setImmediate);
  socket.destroy();
  while (server.volume.openUploads > 0) await new Promise(setImmediate);
  assert.equal((await server.send('GET', '/home/big')).body.length, 0);
  const headers = { ...finder, 'Transfer-Encoding': 'chunked', 'X-Expected-Entity-Length': '6', If: `(<${token}>)` };
  assert.equal((await server.send('PUT', '/home/big', { headers, body: ['abc', 'def'] })).status, 204);
  await shut(server, '/home/big', token);
  assert.equal((await server.send('GET', '/home/big')).text, 'abcdef');
});

test('F3d: more than fits is refused before the body is read', async (t) => {
  const server = await serve(t);
  server.volume.capacityBytes = 1000;
  await create(server, '/home/big');
  const token = await open(server, '/home/big');
  const socket = connect({ host: '127.0.0.1', port: server.port });
  t.after(() => socket.destroy());
  socket.write(
    `PUT /home/big HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nX-Expected-Entity-Length: 5000\r\nIf: (<${token}>)\r\n\r\n`,
  );
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 507 /);
  socket.destroy();
  await shut(server, '/home/big', token);
});

const windows = {
  'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.26100',
  translate: 'f',
  Connection: 'Keep-Alive',
  'Cache-Control': 'no-cache',
  Pragma: 'no-cache',
};
const bare = { ...windows, 'Content-Length': 0 };
const win32 = (properties: string) =>
  `<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>${properties}</D:prop></D:set></D:propertyupdate>`;
const windowsLock =
  '<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>' +
  '<D:owner><D:href>DÖMAIN\\user</D:href></D:owner></D:lockinfo>';

test('W1: Explorer maps the drive', async (t) => {
  const server = await serve(t);
  for (const path of ['/', '/home']) {
    const answer = await server.send('OPTIONS', path, { headers: { ...bare, 'User-Agent': 'DavClnt' } });
    assert.deepEqual([answer.status, answer.headers['ms-author-via']], [200, 'DAV']);
  }
  for (const [path, depth] of [
    ['/', '0'],
    ['/home', '0'],
    ['/home', '1'],
  ] as const) {
    const answer = await server.send('PROPFIND', path, { headers: { ...bare, Depth: depth } });
    const [first] = readMultistatus(answer, path);
    assert.equal(first!.href, path === '/' ? '/' : '/home/');
    assert.deepEqual(
      first!.propstats.map(({ status }) => status),
      [200],
    );
  }
  for (const name of ['desktop.ini', 'AutoRun.inf', 'folder.jpg', 'folder.gif', 'Thumbs.db']) {
    assert.equal((await server.send('PROPFIND', `/home/${name}`, { headers: { ...bare, Depth: '0' } })).status, 404);
  }
});

const variants: readonly [string, (body: string) => string | Buffer, (token: string, server: TestServer) => string][] =
  [
    ['as it is', (body) => body, (token) => `(<${token}>)`],
    [
      'byte order mark, tagged list',
      (body) => `\ufeff${body}`,
      (token, { port }) => `<http://127.0.0.1:${port}/home/n.bin> (<${token}>)`,
    ],
    ['NULs at the end', (body) => Buffer.concat([Buffer.from(body), Buffer.alloc(3)]), (token) => `(<${token}>)`],
  ];

for (const [variant, dress, ifHeader] of variants) {
  test(`W2: Explorer copies a file in (${variant})`, async (t) => {
    const server = await serve(t);
    const path = '/home/n.bin';
    assert.equal((await server.send('PROPFIND', path, { headers: { ...bare, Depth: '0' } })).status, 404);
    assert.equal((await server.send('PUT', path, { headers: windows, body: '' })).status, 201);
    const lockHeaders = { ...windows, 'Content-Type': 'text/xml; charset="utf-8"', Timeout: 'Second-3600' };
    const locked = await server.send('LOCK', path, { headers: lockHeaders, body: dress(windowsLock) });
    assert.equal(locked.status, 200);
    assert.ok(locked.text.includes('DÖMAIN\\user'));
    const token = /^<(opaquelocktoken:[^>]*)>$/.exec(String(locked.headers['lock-token']))![1]!;
    const If = ifHeader(token, server);
    const patchHeaders = { ...windows, 'Content-Type': 'text/xml; charset="utf-8"', If };
    const times = ['CreationTime', 'LastAccessTime', 'LastModifiedTime'].map(
      (name) => `<Z:Win32${name}>Sat, 05 Nov 1994 08:49:37 GMT</Z:Win32${name}>`,
    );
    const first = await server.send('PROPPATCH', path, {
      headers: patchHeaders,
      body: dress(win32(`${times.join('')}<Z:Win32FileAttributes>00000000</Z:Win32FileAttributes>`)),
    });
    const [row] = readMultistatus(first, path);
    assert.deepEqual(
      row!.propstats.map(({ status, properties }) => [status, properties.size]),
      [[200, 4]],
    );
    const head = await server.send('HEAD', path, { headers: windows });
    assert.deepEqual([head.status, head.headers['content-length']], [200, '0']);
    assert.equal((await server.send('PUT', path, { headers: { ...windows, If }, body: 'content' })).status, 204);
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
    const last = `<Z:Win32LastModifiedTime>${date}</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>`;
    const second = await server.send('PROPPATCH', path, { headers: patchHeaders, body: dress(win32(last)) });
    assert.deepEqual(
      readMultistatus(second, path)[0]!.propstats.map(({ status }) => status),
      [200],
    );
    assert.equal((await server.send('UNLOCK', path, { headers: { ...bare, 'Lock-Token': `<${token}>` } })).status, 204);
    const listing = await server.send('PROPFIND', '/home', { headers: { ...bare, Depth: '1' } });
    assert.deepEqual(listed(listing, '/home')[1], { name: 'n.bin', folder: false, sizeBytes: 7 });
    const shown = readMultistatus(listing, '/home')[1]!;
    assert.deepEqual([shown.value('getlastmodified'), shown.value('creationdate')], [date, '1994-11-05T08:49:37Z']);
  });
}
