/** W1 to W6: Explorer maps the drive, copies, renames and deletes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { listed, readMultistatus } from '../oracles.js';
import { makeFolder, store } from '../requests.js';
import { type Dress, Windows, win32 } from './windows.js';

test('W1: map the drive', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  for (const [path, agent] of [
    ['/', 'DavClnt'],
    ['/home', 'DavClnt'],
    ['/home', undefined],
  ] as const) {
    const answer = await windows.send('OPTIONS', path, {}, undefined, agent);
    assert.deepEqual([answer.status, answer.headers['ms-author-via']], [200, 'DAV']);
    assert.match(String(answer.headers.dav), /^1, 2/);
  }
  for (const [path, depth, href] of [
    ['/', '0', '/'],
    ['/home', '0', '/home/'],
    ['/home', '1', '/home/'],
  ] as const) {
    const [first] = readMultistatus(await windows.ask(path, depth), path);
    assert.deepEqual([first!.href, first!.kind], [href, 'folder']);
  }
  for (const name of ['desktop.ini', 'AutoRun.inf', 'folder.jpg', 'folder.gif', 'Thumbs.db']) {
    assert.equal(await windows.exists(`/home/${name}`), false);
  }
});

const dresses: readonly (readonly [string, Dress & { readonly early?: boolean }])[] = [
  ['as Windows 11 sends it', {}],
  ['the content before the attributes, as Windows 7 does', { early: true }],
  [
    'a byte order mark and a tagged If',
    { body: (xml) => `\ufeff${xml}`, ifHeader: (token) => `<http://127.0.0.1/home/n.bin> (<${token}>)` },
  ],
  ['NULs behind the body', { body: (xml) => Buffer.concat([Buffer.from(xml), Buffer.alloc(3)]) }],
  [
    'each property declares its own namespace',
    {
      body: (xml) =>
        xml
          .replace(' xmlns:Z="urn:schemas-microsoft-com:"', '')
          .replaceAll(/<Z:(\w+)>/g, '<Z:$1 xmlns:Z="urn:schemas-microsoft-com:">'),
    },
  ],
  [
    'the default namespace for properties',
    { body: (xml) => xml.replaceAll(/<Z:(\w+)>([^<]*)<\/Z:\w+>/g, '<$1 xmlns="urn:schemas-microsoft-com:">$2</$1>') },
  ],
  ['an owner of a domain with umlauts', { owner: 'DÖMÄNE\\Jürgen' }],
];

for (const [what, { early = false, ...dress }] of dresses) {
  test(`W2: copy in (${what})`, async (t) => {
    const server = await serveIndexed(t);
    const windows = new Windows(t, server, { dress });
    await windows.copyIn('/home/n.bin', 'the content', { early });
    const listing = await windows.ask('/home', '1');
    assert.deepEqual(listed(listing, '/home')[1], { name: 'n.bin', folder: false, sizeBytes: 11 });
    const shown = readMultistatus(listing, '/home')[1]!;
    assert.deepEqual(
      [shown.value('getlastmodified'), shown.value('creationdate')],
      [win32.modified, '1994-11-05T08:49:37Z'],
    );
    assert.equal((await windows.send('GET', '/home/n.bin')).text, 'the content');
  });
}

test('W2: copy in files of 0 bytes and of 49 MB', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  await windows.copyIn('/home/empty', '');
  const content = Buffer.alloc(49_000_000, 'Windows takes no more than 50,000,000 bytes ');
  await windows.copyIn('/home/large.bin', content);
  assert.ok((await windows.send('GET', '/home/large.bin')).body.equals(content));
});

test('W3: a new folder, and its name', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  assert.equal(await windows.exists('/home/New%20folder'), false);
  assert.equal((await windows.send('MKCOL', '/home/New%20folder')).status, 201);
  await windows.attributes('/home/New%20folder', win32.copied('00000010'));
  assert.ok(await windows.exists('/home/New%20folder'));
  const host = `LOCALHOST:${server.port}`;
  assert.equal((await windows.move('/home/New%20folder', '/home/Projekte', 'F', host)).status, 201);
  assert.deepEqual(await windows.names('/home'), ['Projekte']);
});

test('W4: rename and replace', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  await store(server, '/home/a', 'a');
  await store(server, '/home/b', 'b');
  assert.equal((await windows.move('/home/a', '/home/b', 'F')).status, 412);
  assert.equal((await windows.move('/home/a', '/home/b', 'T')).status, 204);
  assert.equal(await windows.exists('/home/a'), false, 'at once');
  assert.equal((await windows.send('GET', '/home/b')).text, 'a');
  assert.ok([201, 204].includes((await windows.move('/home/b', '/home/B', 'F')).status));
  assert.deepEqual(await windows.names('/home'), ['B']);
});

test('W5: delete a folder, from its leaves', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  for (const folder of ['/home/d', '/home/d/e']) await makeFolder(server, folder);
  for (const path of ['/home/d/1', '/home/d/e/2']) await store(server, path);
  const remove = async (folder: string): Promise<void> => {
    for (const { name, folder: isFolder } of listed(await windows.ask(folder, '1'), folder).slice(1)) {
      if (isFolder) await remove(`${folder}/${name}`);
      else assert.equal((await windows.send('DELETE', `${folder}/${name}`)).status, 204);
    }
    assert.equal((await windows.send('DELETE', folder)).status, 204);
  };
  await remove('/home/d');
  assert.deepEqual(await windows.names('/home'), []);
});

test('W6: a folder with so many files that another answer would stay empty', async (t) => {
  const server = await serveIndexed(t);
  const windows = new Windows(t, server);
  const row = await server.volume.stat([]);
  server.volume.list = async function* () {
    const file = { ...row!, kind: 'file', etag: 'e'.repeat(32), sizeBytes: 12_345_678 } as const;
    for (let start = 0; start < 2500; start += 250) {
      yield Array.from({ length: 250 }, (_, at) => ({
        ...file,
        id: start + at + 2,
        name: `Holiday picture number ${start + at}.jpeg`,
      }));
    }
  };
  const answer = await windows.ask('/home', '1');
  assert.equal(listed(answer, '/home').length, 2501);
  assert.ok(answer.body.length < 1_000_000, `${answer.body.length} bytes`);
});
