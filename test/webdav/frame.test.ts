/** The frame: what programs that embed the drive find in webdav-server's own API. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finished } from 'node:stream/promises';
import { test } from 'node:test';
import { v2 as webdav } from 'webdav-server';
import { DavServer } from '../../src/webdav/dav-server.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { send } from './dav-client.js';

const services = { report: () => {}, linger: async () => {} };

test("the library's FileSystem calls work on a mounted volume", async () => {
  const volume = new MemoryVolume('my drive');
  const server = new DavServer([volume], services);
  const path = new webdav.Path('/my drive/folder/a.txt');
  const { fs, subPath } = server.getFileSystemSync(path);
  const context = server.createExternalContext();
  await fs.createAsync(context, subPath.getParent(), webdav.ResourceType.Directory);
  const { stream } = await fs.openWriteStreamAsync(context, subPath, 'canCreate');
  stream.end('hello');
  await finished(stream);
  assert.equal((await volume.stat(['folder', 'a.txt']))?.sizeBytes, 5);
  assert.equal(await fs.sizeAsync(context, subPath), 5);
  assert.equal(await fs.mimeTypeAsync(context, subPath), 'text/plain; charset=utf-8');
  assert.deepEqual(await fs.readDirAsync(context, subPath.getParent()), ['a.txt']);
  const parts: Buffer[] = [];
  for await (const part of await fs.openReadStreamAsync(context, subPath, -1)) parts.push(part as Buffer);
  assert.equal(Buffer.concat(parts).toString(), 'hello');
  assert.equal(volume.openReaders, 0);
  await fs.moveAsync(context, subPath, new webdav.Path('/b.txt'), false);
  await new Promise<void>((resolve, reject) => {
    const done = (error?: Error): void => (error ? reject(error) : resolve());
    fs.copy(context, '/b.txt', '/folder/c.txt', false, -1, done);
  });
  assert.equal((await volume.stat(['folder', 'c.txt']))?.sizeBytes, 5);
  await fs.deleteAsync(context, new webdav.Path('/folder'));
  assert.equal(await volume.stat(['folder']), undefined);
  await assert.rejects(fs.sizeAsync(context, subPath), (error) => error === webdav.Errors.ResourceNotFound);
});

test('a write stream that is destroyed leaves nothing', async () => {
  const volume = new MemoryVolume('home');
  const server = new DavServer([volume], services);
  const { fs, subPath } = server.getFileSystemSync(new webdav.Path('/home/a'));
  const { stream } = await fs.openWriteStreamAsync(server.createExternalContext(), subPath, 'canCreate');
  stream.write('abc');
  stream.destroy();
  await once(stream, 'close');
  assert.equal(volume.openUploads, 0);
  assert.equal((await volume.stat(['a']))?.sizeBytes ?? 0, 0);
});

test('executeRequest serves on any node:http server, and never runs a method of the library', async (t) => {
  const dav = new DavServer([new MemoryVolume('home')], services);
  const http = createServer((request, response) => dav.executeRequest(request, response));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  t.after(() => http.close());
  const { port } = http.address() as AddressInfo;
  assert.equal((await send(port, 'PUT', '/home/a', { body: 'x' })).status, 201);
  assert.equal((await send(port, 'GET', '/home/%ff')).status, 400);
  dav.method('SEARCH', { chunked: () => assert.fail('not ours') });
  assert.equal((await send(port, 'SEARCH', '/home/a')).status, 501);
});
