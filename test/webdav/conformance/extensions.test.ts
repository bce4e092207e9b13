/** What clients have added to the protocol: times and checksums in headers, parts of files. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { ask, makeFolder, propfind, propfindBody, store } from '../requests.js';

const date = 'Sun, 06 Nov 1994 08:49:37 GMT';

test('S-01: X-OC-Mtime sets the time on PUT, COPY, MOVE and MKCOL, and says so', async (t) => {
  const server = await serveIndexed(t);
  const headers = { 'X-OC-Mtime': '784111777' };
  const steps: readonly [string, string, Record<string, string>, string, string?][] = [
    ['PUT', '/home/a', {}, '/home/a', 'text'],
    ['PUT', '/home/a', {}, '/home/a', 'other'],
    ['COPY', '/home/a', { Destination: '/home/b' }, '/home/b'],
    ['MOVE', '/home/b', { Destination: '/home/c' }, '/home/c'],
    ['MKCOL', '/home/d', {}, '/home/d'],
  ];
  for (const [method, path, more, changed, body] of steps) {
    const answer = await server.send(method, path, { headers: { ...headers, ...more }, ...(body && { body }) });
    assert.deepEqual([answer.status < 300, answer.headers['x-oc-mtime']], [true, 'accepted'], method);
    assert.equal((await ask(server, changed, 'getlastmodified')).value('getlastmodified'), date, method);
  }
  const nonsense = await server.send('PUT', '/home/e', { headers: { 'X-OC-Mtime': 'soon' }, body: 'x' });
  assert.deepEqual([nonsense.status, nonsense.headers['x-oc-mtime']], [201, undefined]);
});

test('S-05: OC-Checksum is verified, kept, and gone with the content', async (t) => {
  const server = await serveIndexed(t);
  const body = 'the content';
  const hex = (algorithm: string) => createHash(algorithm).update(body).digest('hex');
  const sums: readonly string[] = [
    `SHA1:${hex('sha1')}`,
    `MD5:${hex('md5')}`,
    `SHA256:${hex('sha256')}`,
    'ADLER32:1968045d',
  ];
  const put = (path: string, sum: string, content = body) =>
    server.send('PUT', path, { headers: { 'OC-Checksum': sum }, body: content });
  const stored = async (path: string) =>
    (await propfind(server, path, '0', propfindBody('<oc:checksums xmlns:oc="http://owncloud.org/ns"/>'))).text;
  for (const sum of sums) {
    assert.equal((await put('/home/a', sum)).status < 300, true, sum);
    assert.ok((await stored('/home/a')).includes(sum), sum);
  }
  await put('/home/a', `${sums[0]} ${sums[1]}`);
  assert.ok((await stored('/home/a')).includes(`${sums[0]} ${sums[1]}`));
  for (const sum of sums) {
    assert.equal((await put('/home/new', sum, 'damaged on its way')).status, 400, sum);
    assert.equal((await put('/home/a', sum, 'damaged on its way')).status, 400, sum);
  }
  assert.deepEqual(
    [(await server.send('GET', '/home/a')).text, (await server.send('GET', '/home/new')).status],
    [body, 404],
  );
  await store(server, '/home/a', 'another');
  assert.match(await stored('/home/a'), / 404 /, 'of content that is gone');
});

test('S-11: a part of a file is replaced in place', async (t) => {
  const server = await serveIndexed(t);
  assert.match(String((await server.send('OPTIONS', '/home/')).headers.dav), /, sabredav-partialupdate$/);
  await store(server, '/home/a', '0123456789');
  await makeFolder(server, '/home/d');
  const type = 'application/x-sabredav-partialupdate';
  const patch = async (range: string, body: string, headers: Record<string, string> = {}, path = '/home/a') =>
    (await server.send('PATCH', path, { headers: { 'Content-Type': type, 'X-Update-Range': range, ...headers }, body }))
      .status;
  const now = async () => (await server.send('GET', '/home/a')).text;
  for (const [range, body, after] of [
    ['bytes=3-5', 'abc', '012abc6789'],
    ['bytes=0-', 'X', 'X12abc6789'],
    ['bytes=-2', 'YZ', 'X12abc67YZ'],
    ['append', '!!', 'X12abc67YZ!!'],
  ] as const) {
    assert.equal(await patch(range, body), 204, range);
    assert.equal(await now(), after);
  }
  assert.equal(await patch('bytes=0-', 'x', { 'Content-Type': 'text/plain' }), 415);
  assert.equal(await patch('bytes=0-5', 'x'), 416);
  assert.equal(await patch('lines=1-2', 'x'), 400);
  assert.equal(await patch('append', 'x', {}, '/home/no'), 404);
  assert.equal(await patch('append', 'x', { 'If-Match': '"other"' }), 412);
  const chunked = { 'Content-Type': type, 'X-Update-Range': 'append', 'Transfer-Encoding': 'chunked' };
  assert.equal((await server.send('PATCH', '/home/a', { headers: chunked, body: ['x'] })).status, 411);
  assert.equal(await now(), 'X12abc67YZ!!');
});
