/** Names: any that a client can think of is a name, and each client finds what it has stored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { listed, readMultistatus } from '../oracles.js';
import { agents, lock, propfind, proppatch, setting, store, tokenOf, unlock } from '../requests.js';

const windows = { 'User-Agent': agents.windows };

test('M-38 S-14: what clients drop beside files are files like any other, for every method', async (t) => {
  const server = await serveIndexed(t);
  const names = [
    '._a',
    '._.DS_Store',
    '.DS_Store',
    '.Trashes',
    '.hidden',
    '.localized',
    'Thumbs.db',
    'desktop.ini',
    '~$x.docx',
    '.~lock.x.odt#',
    'x.rtf.sb-1a2b3c4d-AbCdEf',
    '~WRD0000.tmp',
    '.fuse_hidden0001',
    '.nfs0001',
    'Contents',
    '.metadata_never_index',
    '1A2B3C4D.tmp',
    '.rclone.tmp',
  ];
  for (const name of names) {
    const path = `/home/${encodeURIComponent(name)}`;
    assert.equal((await server.send('PUT', path, { body: name })).status, 201, name);
    assert.equal((await server.send('GET', path)).text, name);
    assert.equal((await proppatch(server, path, setting('<k xmlns="urn:k">1</k>'))).status, 207);
    assert.equal((await unlock(server, path, tokenOf(await lock(server, path)))).status, 204);
    assert.equal((await server.send('MOVE', path, { headers: { Destination: `${path}2` } })).status, 201);
    assert.equal((await server.send('COPY', `${path}2`, { headers: { Destination: path } })).status, 201);
    assert.equal((await server.send('DELETE', `${path}2`)).status, 204);
  }
  const seen = listed(await propfind(server, '/home/', '1'), '/home/').slice(1);
  assert.deepEqual(seen.map(({ name }) => name).sort(), [...names].sort());
});

test('M-39: a name is the same in either Unicode form, and keeps the spelling that it was given', async (t) => {
  const server = await serveIndexed(t);
  const [composed, decomposed] = ['%C3%A9.txt', 'e%CC%81.txt'];
  for (const [stored, asked] of [
    [composed, decomposed],
    [decomposed, composed],
  ] as const) {
    assert.equal((await server.send('PUT', `/home/${stored}`, { body: 'one' })).status, 201);
    for (const method of ['GET', 'HEAD']) assert.equal((await server.send(method, `/home/${asked}`)).status, 200);
    assert.equal((await propfind(server, `/home/${asked}`)).status, 207);
    assert.equal((await server.send('PUT', `/home/${asked}`, { body: 'two' })).status, 204);
    const all = readMultistatus(await propfind(server, '/home/', '1'), '/home/').map(({ href }) => href);
    assert.deepEqual(all, ['/home/', `/home/${stored}`]);
    assert.equal((await server.send('COPY', `/home/${asked}`, { headers: { Destination: '/home/copy' } })).status, 201);
    assert.equal(
      (await server.send('MOVE', '/home/copy', { headers: { Destination: `/home/${asked}`, Overwrite: 'F' } })).status,
      412,
    );
    assert.equal(
      (await server.send('MOVE', `/home/${asked}`, { headers: { Destination: '/home/moved' } })).status,
      201,
    );
    for (const name of ['moved', 'copy']) assert.equal((await server.send('DELETE', `/home/${name}`)).status, 204);
  }
});

test('M-39: names of 255 bytes, and any character that can be sent', async (t) => {
  const server = await serveIndexed(t);
  const names = [
    'ä'.repeat(127),
    '😀'.repeat(63),
    'n'.repeat(255),
    '100% & more # + ? ;',
    '\'"<>|*:',
    '\u200d',
    'שלום',
    '日本語',
  ];
  for (const name of names) {
    await store(server, `/home/${encodeURIComponent(name)}`, name);
    assert.equal((await server.send('GET', `/home/${encodeURIComponent(name)}`)).text, name);
  }
  assert.equal(listed(await propfind(server, '/home/', '1'), '/home/').length, names.length + 1);
  for (const bad of ['n'.repeat(256), 'ä'.repeat(128)]) {
    assert.equal((await server.send('PUT', `/home/${encodeURIComponent(bad)}`, { body: 'x' })).status, 400);
  }
  assert.equal((await server.send('GET', '/home/%25')).status, 404, 'decoded once');
});

test('S-07: Windows finds a name in another case, and nobody else does', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/Readme.TXT', 'one');
  for (const method of ['GET', 'HEAD']) {
    assert.equal((await server.send(method, '/home/README.txt', { headers: windows })).status, 200);
    assert.equal((await server.send(method, '/home/README.txt')).status, 404);
  }
  assert.equal((await propfind(server, '/home/readme.txt', '0', '', windows)).status, 207);
  assert.equal((await server.send('PUT', '/home/README.TXT', { headers: windows, body: 'two' })).status, 204);
  assert.deepEqual(
    listed(await propfind(server, '/home/', '1'), '/home/').map(({ name }) => name),
    ['', 'Readme.TXT'],
  );
  assert.equal((await server.send('PUT', '/home/README.TXT', { body: 'three' })).status, 201, 'a name of its own');
  assert.equal(
    (await server.send('GET', '/home/README.TXT', { headers: windows })).text,
    'three',
    'the exact name goes first',
  );
  assert.equal((await server.send('GET', '/home/Readme.TXT', { headers: windows })).text, 'two');
});

test('S-07: the adaptation can be switched off', async (t) => {
  const server = await serveIndexed(t, { adaptations: { windowsNames: false } });
  await store(server, '/home/a');
  assert.equal((await server.send('GET', '/home/A', { headers: windows })).status, 404);
});

test('S-15: Windows sees names that it could not open with look-alikes, and opens them by these', async (t) => {
  const server = await serveIndexed(t);
  const names = ['a:b', 'what?', 'trailing.', 'CON', 'a|b', 'star*'];
  for (const name of names) await store(server, `/home/${encodeURIComponent(name)}`, name);
  const shown = readMultistatus(await propfind(server, '/home', '1', '', windows), '/home').slice(1);
  for (const { href } of shown) {
    const { status, text } = await server.send('GET', href, { headers: windows });
    assert.ok(status === 200 && names.includes(text), href);
  }
  assert.deepEqual(
    listed(await propfind(server, '/home/', '1'), '/home/')
      .slice(1)
      .map(({ name }) => name)
      .sort(),
    [...names].sort(),
  );
});
