/** GET and HEAD: conditions, ranges, headers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serveIndexed } from '../indexed-server.js';
import { lock, store, tokenOf } from '../requests.js';

test('M-41: ranges', async (t) => {
  const server = await serveIndexed(t);
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at % 251));
  await store(server, '/home/a', bytes);
  const cases: readonly [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=1048570-1048600', 1_048_570, 1_048_601],
    ['bytes=2999999-', 2_999_999, 3_000_000],
    ['bytes=1048576-', 1_048_576, 3_000_000],
    ['bytes=-5', 2_999_995, 3_000_000],
    ['bytes=-9999999', 0, 3_000_000],
    ['bytes=100-99999999', 100, 3_000_000],
  ];
  for (const [Range, start, end] of cases) {
    const answer = await server.send('GET', '/home/a', { headers: { Range } });
    assert.equal(answer.status, 206, Range);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/3000000`);
    assert.equal(answer.headers['content-length'], String(end - start));
    assert.ok(answer.body.equals(bytes.subarray(start, end)), Range);
  }
  for (const Range of ['bytes=3000000-', 'bytes=-0', 'bytes=99999999-']) {
    const answer = await server.send('GET', '/home/a', { headers: { Range } });
    assert.deepEqual(
      [answer.status, answer.headers['content-range'], answer.body.length],
      [416, 'bytes */3000000', 0],
      Range,
    );
  }
  for (const Range of ['bytes=5-2', 'lines=1-2', 'bytes=a-b', 'bytes=0-1,5-6']) {
    assert.equal((await server.send('GET', '/home/a', { headers: { Range } })).status, 200, Range);
  }
  const head = await server.send('HEAD', '/home/a');
  assert.deepEqual([head.headers['accept-ranges'], head.headers['content-length']], ['bytes', '3000000']);
});

test('M-41: conditions, If-Range, and nothing packed on the fly', async (t) => {
  const server = await serveIndexed(t);
  const { etag } = (await store(server, '/home/a.txt', 'a'.repeat(10_000))).headers;
  await server.drive.clock.advance(10_000);
  const modified = (await server.send('HEAD', '/home/a.txt')).headers['last-modified']!;
  const before = new Date(Date.parse(modified) - 1000).toUTCString();
  const after = new Date(Date.parse(modified) + 1000).toUTCString();
  const cases: readonly [Record<string, string>, number][] = [
    [{ 'If-None-Match': etag! }, 304],
    [{ 'If-None-Match': `W/${etag}` }, 304],
    [{ 'If-None-Match': '"other"' }, 200],
    [{ 'If-None-Match': '*' }, 304],
    [{ 'If-Match': etag! }, 200],
    [{ 'If-Match': `"other", ${etag}` }, 200],
    [{ 'If-Match': '"other"' }, 412],
    [{ 'If-Modified-Since': modified }, 304],
    [{ 'If-Modified-Since': before }, 200],
    [{ 'If-Modified-Since': after }, 304],
    [{ 'If-Unmodified-Since': modified }, 200],
    [{ 'If-Unmodified-Since': before }, 412],
    [{ 'If-None-Match': '"other"', 'If-Modified-Since': after }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': etag! }, 206],
    [{ Range: 'bytes=0-9', 'If-Range': modified }, 206],
    [{ Range: 'bytes=0-9', 'If-Range': before }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': '"other"' }, 200],
    [{ Range: 'bytes=0-9', 'If-Range': `W/${etag}` }, 200],
    [{ 'Accept-Encoding': 'gzip, br, deflate, zstd' }, 200],
  ];
  for (const [headers, status] of cases) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await server.send(method, '/home/a.txt', { headers });
      const expected = method === 'HEAD' && status === 206 ? 200 : status;
      assert.equal(answer.status, expected, `${method} ${JSON.stringify(headers)}`);
      assert.equal(answer.headers['content-encoding'], undefined);
    }
  }
});

test('S-19: a type by extension, and nothing that users stored runs as a page of the drive', async (t) => {
  const server = await serveIndexed(t);
  for (const [name, type] of [
    ['a.html', 'text/html; charset=utf-8'],
    ['a.SVG', 'image/svg+xml'],
    ['a.odt', 'application/vnd.oasis.opendocument.text'],
    ['a.unknown', 'application/octet-stream'],
    ['noextension', 'application/octet-stream'],
    ['.html', 'application/octet-stream'],
  ] as const) {
    await store(server, `/home/${name}`, '<script>alert(1)</script>');
    const { headers } = await server.send('GET', `/home/${name}`);
    assert.deepEqual(
      [headers['content-type'], headers['x-content-type-options'], headers['content-security-policy']],
      [type, 'nosniff', 'sandbox'],
      name,
    );
  }
});

test('S-20: revalidated every time, by a strong tag that names the content', async (t) => {
  const server = await serveIndexed(t);
  const first = (await store(server, '/home/a', 'one')).headers.etag!;
  const got = await server.send('GET', '/home/a');
  assert.deepEqual([got.headers['cache-control'], got.headers.etag], ['no-cache, private', first]);
  const second = (await store(server, '/home/a', 'two')).headers.etag!;
  assert.ok(first !== second && !first.startsWith('W/'));
  await server.send('MOVE', '/home/a', { headers: { Destination: '/home/b' } });
  await tokenOf(await lock(server, '/home/b'));
  assert.equal((await server.send('HEAD', '/home/b')).headers.etag, second, 'a name and a lock are no content');
});
