/** A drive mounted in somebody's own webdav-server application: its handlers, our files. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { v2 as webdav } from 'webdav-server';
import { createVolume, openDrive, VolumeFileSystem } from '../../src/index.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { type Answer, exchangeWhole, type Sent } from './dav-client.js';

async function application(t: TestContext) {
  const folder = await temporaryFolder(t);
  const directory = `${folder}/volume`;
  await createVolume({ directory, nodes: [`${folder}/one`, `${folder}/two`], replicas: 2, name: 'home' });
  const drive = await openDrive({ directory });
  const library = new webdav.WebDAVServer();
  library.setFileSystemSync('/drive/', new VolumeFileSystem(drive.volume));
  const http = createServer((request, response) => library.executeRequest(request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    await drive.close();
  });
  const { port } = http.address() as AddressInfo;
  const send = (method: string, path: string, sent: Sent = {}): Promise<Answer> =>
    exchangeWhole(port, method, path, sent);
  return { drive, send };
}

test('a volume is a file system of webdav-server', async (t) => {
  const { drive, send } = await application(t);
  const text = 'some text '.repeat(300_000);
  assert.equal((await send('MKCOL', '/drive/folder')).status, 201);
  assert.equal((await send('PUT', '/drive/folder/a.txt', { body: text })).status, 201);
  const got = await send('GET', '/drive/folder/a.txt');
  assert.equal(got.status, 200);
  assert.ok(got.text === text);
  assert.equal((await send('GET', '/drive/folder/a.txt', { headers: { Range: 'bytes=2-5' } })).text, text.slice(2, 6));

  const listing = await send('PROPFIND', '/drive/folder', { headers: { Depth: '1' } });
  assert.equal(listing.status, 207);
  assert.match(listing.text, /a\.txt/);
  assert.match(listing.text, new RegExp(`>${text.length}<`));
  const set =
    '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><k xmlns="http://x/ns/">v &amp; w</k></D:prop></D:set></D:propertyupdate>';
  assert.equal((await send('PROPPATCH', '/drive/folder/a.txt', { body: set })).status, 207);
  const entry = (await drive.volume.stat(['folder', 'a.txt']))!;
  assert.deepEqual(await drive.volume.properties(entry), [
    { namespace: 'http://x/ns/', name: 'k', value: '<k xmlns="http://x/ns/">v &amp; w</k>' },
  ]);
  const one = await send('PROPFIND', '/drive/folder/a.txt', { headers: { Depth: '0' } });
  assert.match(one.text, />v &amp; w</);
  const remove =
    '<D:propertyupdate xmlns:D="DAV:"><D:remove><D:prop><k xmlns="http://x/ns/"/></D:prop></D:remove></D:propertyupdate>';
  assert.equal((await send('PROPPATCH', '/drive/folder/a.txt', { body: remove })).status, 207);
  assert.deepEqual(await drive.volume.properties((await drive.volume.stat(['folder', 'a.txt']))!), []);

  const to = (name: string) => ({ headers: { Destination: `http://localhost/drive/${name}`, Overwrite: 'T' } });
  assert.equal((await send('MOVE', '/drive/folder/a.txt', to('b.txt'))).status, 201);
  assert.equal((await send('GET', '/drive/folder/a.txt')).status, 404);
  assert.equal((await send('COPY', '/drive/b.txt', to('folder/c.txt'))).status, 201);
  assert.ok((await send('GET', '/drive/folder/c.txt')).text === text);
  assert.equal((await send('PUT', '/drive/b.txt', { body: 'new' })).status, 200);
  assert.equal((await send('GET', '/drive/b.txt')).text, 'new');
  assert.equal((await send('DELETE', '/drive/folder')).status, 200);
  assert.equal((await send('PROPFIND', '/drive/folder', { headers: { Depth: '0' } })).status, 404);
  assert.deepEqual((await drive.check()).findings, []);
});

test('checksums that came with a file do not outlive its content', async (t) => {
  const { drive, send } = await application(t);
  await send('PUT', '/drive/a.txt', { body: 'old' });
  const sums = { namespace: 'http://owncloud.org/ns', name: 'checksums', value: '<c xmlns="http://owncloud.org/ns"/>' };
  await drive.volume.setProperties(['a.txt'], [sums], {});
  assert.equal((await send('PUT', '/drive/a.txt', { body: 'new' })).status, 200);
  assert.deepEqual(await drive.volume.properties((await drive.volume.stat(['a.txt']))!), []);
});

test('DAV locks of webdav-server are locks of the volume', async (t) => {
  const { drive, send } = await application(t);
  await send('PUT', '/drive/a.txt', { body: 'text' });
  const body =
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
  const locked = await send('LOCK', '/drive/a.txt', { body, headers: { Depth: '0', 'Content-Type': 'text/xml' } });
  assert.equal(locked.status, 200, locked.text);
  const [row] = await drive.volume.locks(['a.txt']);
  assert.ok(row && locked.text.includes(row.token));
  const upload = await drive.volume.upload({});
  await assert.rejects(drive.volume.put(['a.txt'], await upload.finish(), {}), { code: 'LOCKED' });
  await upload.abort();
  const unlocked = await send('UNLOCK', '/drive/a.txt', { headers: { 'Lock-Token': `<${row.token}>` } });
  assert.equal(unlocked.status, 204, unlocked.text);
  assert.deepEqual(await drive.volume.locks(['a.txt']), []);
});
