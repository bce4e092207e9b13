/** W7 to W9: Word and Excel save on a mapped drive; Office opens by address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { readMultistatus } from '../oracles.js';
import { ask, makeFolder, propfindBody, store } from '../requests.js';
import { declaration, Windows, win32 } from './windows.js';

const microsoft = 'urn:schemas-microsoft-com:';

test('W7: Word opens, edits, saves and closes', async (t) => {
  const server = await serveIndexed(t);
  const word = new Windows(t, server);
  await store(server, '/home/doc.docx', 'the old text');
  const own = '/home/~%24doc.docx';
  const first = await word.lock('/home/doc.docx');
  await word.copyIn(own, Buffer.alloc(162, 'owner'), { attributes: '00000022' });
  const owner = await word.lock(own);
  assert.equal((await word.send('GET', own)).body.length, 162);
  await word.unlock(own, owner);
  assert.equal(
    (await ask(server, own, `<Z:Win32FileAttributes xmlns:Z="${microsoft}"/>`)).value('Win32FileAttributes', microsoft),
    '00000022',
  );
  await word.copyIn('/home/~WRD0000.tmp', 'the new text');
  await word.unlock('/home/doc.docx', first);
  assert.equal((await word.move('/home/doc.docx', '/home/~WRL0001.tmp', 'F')).status, 201);
  assert.equal((await word.move('/home/~WRD0000.tmp', '/home/doc.docx', 'F')).status, 201);
  const second = await word.lock('/home/doc.docx');
  assert.equal((await word.send('DELETE', '/home/~WRL0001.tmp')).status, 204);
  await word.unlock('/home/doc.docx', second);
  assert.equal((await word.send('DELETE', own)).status, 204);
  assert.deepEqual(await word.names('/home'), ['doc.docx']);
  assert.equal((await word.send('GET', '/home/doc.docx')).text, 'the new text');
  assert.equal(await word.put('/home/doc.docx', 'free'), 204, 'no lock is left');
});

test('W7: a second Word sees that the document is in use, and by whom', async (t) => {
  const server = await serveIndexed(t);
  const [one, other] = [new Windows(t, server), new Windows(t, server, { dress: { owner: 'DOMAIN\\other' } })];
  await store(server, '/home/doc.docx', 'text');
  const token = await one.lock('/home/doc.docx');
  await assert.rejects(other.lock('/home/doc.docx'), /423/);
  assert.match(
    (await other.send('PROPFIND', '/home/doc.docx', { Depth: '0' }, propfindBody('lockdiscovery'))).text,
    /DOMAIN\\user/,
  );
  assert.equal(await other.put('/home/doc.docx', 'mine'), 423);
  await one.unlock('/home/doc.docx', token);
  await other.unlock('/home/doc.docx', await other.lock('/home/doc.docx'));
});

test('W8: Excel saves by two temporary names', async (t) => {
  const server = await serveIndexed(t);
  const excel = new Windows(t, server);
  await store(server, '/home/table.xlsx', 'the old table');
  const original = await excel.lock('/home/table.xlsx');
  const [fresh, aside] = ['/home/1A2B3C4D.tmp', '/home/5E6F7A8B.tmp'];
  await excel.copyIn(fresh, 'the new table');
  await excel.unlock('/home/table.xlsx', original);
  assert.equal(await excel.exists(aside), false);
  assert.ok(await excel.exists(fresh));
  await excel.unlock(fresh, await excel.lock(fresh));
  assert.equal((await excel.move('/home/table.xlsx', aside, 'F')).status, 201);
  assert.equal((await excel.move(fresh, '/home/table.xlsx', 'F')).status, 201);
  assert.equal((await excel.send('DELETE', aside)).status, 204);
  assert.deepEqual(await excel.names('/home'), ['table.xlsx']);
  assert.equal((await excel.send('GET', '/home/table.xlsx')).text, 'the new table');
});

test('W9: Office opens a document by its address, and saves it', async (t) => {
  const server = await serveIndexed(t);
  await makeFolder(server, '/home/docs');
  await store(server, '/home/docs/doc.docx', 'the old text');
  for (const userAgent of [
    'Microsoft Office Protocol Discovery',
    'Microsoft Office Existence Discovery',
    'Microsoft Office Word 2014',
  ]) {
    const office = new Windows(t, server, { userAgent });
    const options = await office.send('OPTIONS', '/home/docs');
    assert.deepEqual([options.status, options.headers['ms-author-via']], [200, 'DAV']);
    assert.match(String(options.headers.dav), /^1, 2/);
    for (const path of ['/home/docs/doc.docx', '/home/docs'])
      assert.equal((await office.send('HEAD', path)).status, 200);
  }
  const word = new Windows(t, server, { userAgent: 'Microsoft Office Word 2014' });
  const names = [
    'resourcetype',
    'getetag',
    'getcontentlength',
    'getmodifiedby',
    'creationdate',
    'getlastmodified',
    'lockdiscovery',
    'supportedlock',
  ];
  const body = `${declaration}<D:propfind xmlns:D="DAV:"><D:prop>${names.map((name) => `<D:${name}/>`).join('')}</D:prop></D:propfind>`;
  const seen = await word.send('PROPFIND', '/home/docs/doc.docx', { Depth: '0', Brief: 't' }, body);
  const [row] = readMultistatus(seen, '/home/docs/doc.docx');
  assert.deepEqual(
    row!.propstats.map(({ status, properties }) => [status, properties.size]),
    [[200, 7]],
  );
  const token = await word.lock('/home/docs/doc.docx');
  assert.equal((await word.send('GET', '/home/docs/doc.docx')).text, 'the old text');
  await word.refresh('/home/docs/doc.docx', token);
  assert.equal(await word.put('/home/docs/doc.docx', 'the new text', token), 204);
  await word.attributes('/home/docs/doc.docx', win32.saved());
  await word.unlock('/home/docs/doc.docx', token);
  assert.equal((await word.send('GET', '/home/docs/doc.docx')).text, 'the new text');
});
