/** Times, checksums and parts of files, over the wire. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { Answer } from './dav-client.js';
import { readMultistatus } from './oracles.js';
import { type AnyServer, everyServer } from './serve-real.js';

const text = 'hello, world';
const sums = {
  SHA1: 'b7e23ec29af22b0b4e41da31e868d57226121c84',
  MD5: 'e4d7f1b4ed2e42d15898f4b27b019da4',
  ADLER32: '1d540489',
  SHA256: '09ca7e4eaa6e8ae9c7d261167129184883644d07dfba7cbfbc4c8a2e08360d5b',
} as const;
/** SHA1 and MD5 are told in any case: rclone sends the one and compares the other. */
const told = (sent: string): string =>
  Object.entries(sums)
    .filter(([name]) => name === sent || name === 'SHA1' || name === 'MD5')
    .map(([name, hex]) => `${name}:${hex}`)
    .join(' ');
const sha1 = (body: string): string => `SHA1:${createHash('sha1').update(body).digest('hex')}`;

async function shownChecksums(server: AnyServer, path: string): Promise<string | undefined> {
  const body =
    '<D:propfind xmlns:D="DAV:"><D:prop><oc:checksums xmlns:oc="http://owncloud.org/ns"/></D:prop></D:propfind>';
  const answer = await server.send('PROPFIND', path, { headers: { Depth: '0' }, body });
  return readMultistatus(answer, path)[0]!.value('checksums', 'http://owncloud.org/ns');
}

const headerOf = async (server: AnyServer, path: string, method = 'GET'): Promise<unknown> =>
  (await server.send(method, path)).headers['oc-checksum'];

for (const [what, serveAny] of everyServer) {
  test(`S-05 checksums are verified, kept with their content, and gone with it (${what})`, async (t) => {
    const server = await serveAny(t);
    const put = (path: string, checksum?: string, body = text): Promise<Answer> =>
      server.send('PUT', path, { body, headers: checksum === undefined ? {} : { 'OC-Checksum': checksum } });
    for (const [name, hex] of Object.entries(sums)) {
      const checksum = `${name}:${hex}`;
      assert.equal((await put(`/home/${name}`, checksum)).status, 201);
      const kept = told(name);
      assert.equal(await headerOf(server, `/home/${name}`), kept);
      assert.equal(await headerOf(server, `/home/${name}`, 'HEAD'), kept);
      assert.equal(await shownChecksums(server, `/home/${name}`), kept);
      const wrong = await put(`/home/${name}`, checksum, 'something else');
      assert.equal(wrong.status, 400);
      assert.equal((await server.send('GET', `/home/${name}`)).text, text, 'nothing of it was saved');
      assert.equal((await put(`/home/new-${name}`, checksum, 'something else')).status, 400);
      assert.equal((await server.send('GET', `/home/new-${name}`)).status, 404);
    }
    await put('/home/two', `sha1:${sums.SHA1.toUpperCase()} MD5:${sums.MD5}`);
    assert.equal(await headerOf(server, '/home/two'), `SHA1:${sums.SHA1} MD5:${sums.MD5}`);
    assert.equal((await put('/home/two', `SHA1:${sums.SHA1} MD5:${'0'.repeat(32)}`)).status, 400);
    for (const broken of ['SHA1:123', `MD5:${'x'.repeat(32)}`])
      assert.equal((await put('/home/no', broken)).status, 400);
    assert.equal((await put('/home/later', 'BLAKE9:77')).status, 201, 'what nobody knows cannot be wrong');

    await server.send('COPY', '/home/two', { headers: { Destination: '/home/copy' } });
    await server.send('MOVE', '/home/two', { headers: { Destination: '/home/moved' } });
    for (const path of ['/home/copy', '/home/moved']) assert.ok(await headerOf(server, path), path);
    await put('/home/copy', sha1('new'), 'new');
    assert.ok(String(await headerOf(server, '/home/copy')).startsWith(sha1('new')));
    await put('/home/copy');
    assert.equal(await headerOf(server, '/home/copy'), undefined);
    const patch = { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' };
    assert.equal((await server.send('PATCH', '/home/moved', { body: '!', headers: patch })).status, 204);
    assert.equal(await headerOf(server, '/home/moved'), undefined);
    assert.equal(await shownChecksums(server, '/home/moved'), undefined);

    const forged =
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><checksums xmlns="http://owncloud.org/ns">x</checksums></D:prop></D:set></D:propertyupdate>';
    const answer = await server.send('PROPPATCH', '/home/SHA1', { body: forged });
    assert.equal(readMultistatus(answer, '/home/SHA1')[0]!.propstats[0]!.status, 403);
    assert.equal(await headerOf(server, '/home/SHA1'), told('SHA1'));
  });

  test(`S-01 X-OC-Mtime sets the time by PUT, PATCH, COPY, MOVE and MKCOL (${what})`, async (t) => {
    const server = await serveAny(t);
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
    const time = { 'X-OC-Mtime': '784111777' };
    const expectTime = async (path: string, answer: Answer): Promise<void> => {
      assert.ok(answer.status < 300, answer.text);
      assert.equal(answer.headers['x-oc-mtime'], 'accepted');
      const shown = await server.send('PROPFIND', path, { headers: { Depth: '0' } });
      assert.equal(readMultistatus(shown, path)[0]!.value('getlastmodified'), date);
    };
    await expectTime('/home/a', await server.send('PUT', '/home/a', { body: 'x', headers: time }));
    await expectTime('/home/d/', await server.send('MKCOL', '/home/d/', { headers: time }));
    const patch = { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' };
    await expectTime('/home/a', await server.send('PATCH', '/home/a', { body: 'x', headers: { ...patch, ...time } }));
    const copy = { headers: { Destination: '/home/b', ...time } };
    await expectTime('/home/b', await server.send('COPY', '/home/a', copy));
    await expectTime('/home/c', await server.send('MOVE', '/home/b', { headers: { Destination: '/home/c', ...time } }));
    const broken = await server.send('PUT', '/home/a', { body: 'x', headers: { 'X-OC-Mtime': 'yesterday' } });
    assert.deepEqual([broken.status, broken.headers['x-oc-mtime']], [204, undefined]);
  });

  test(`S-11 PATCH replaces what its range names (${what})`, async (t) => {
    const server = await serveAny(t);
    const patch = (range: string | undefined, body = '----', more = {}): Promise<Answer> =>
      server.send('PATCH', '/home/a', {
        body,
        headers: {
          'Content-Type': 'application/x-sabredav-partialupdate',
          ...(range !== undefined && { 'X-Update-Range': range }),
          ...more,
        },
      });
    assert.equal((await patch('append')).status, 404);
    for (const [range, expected] of [
      ['bytes=0-3', '----567890'],
      ['bytes=1-4', '1----67890'],
      ['bytes=0-', '----567890'],
      ['bytes=-4', '123456----'],
      ['bytes=-2', '12345678----'],
      ['bytes=2-', '12----7890'],
      ['bytes=12-', '1234567890\0\0----'],
      ['append', '1234567890----'],
    ] as const) {
      await server.send('PUT', '/home/a', { body: '1234567890' });
      const answer = await patch(range);
      assert.equal(answer.status, 204, `${range}: ${answer.text}`);
      const got = await server.send('GET', '/home/a');
      assert.equal(got.text, expected, range);
      assert.deepEqual(
        [answer.headers.etag, answer.headers['last-modified']],
        [got.headers.etag, got.headers['last-modified']],
      );
    }
    const before = (await server.send('GET', '/home/a')).headers.etag!;
    for (const [status, range, more] of [
      [400, undefined, {}],
      [400, 'bytes=-', {}],
      [400, 'bytes=1-2,4-5', {}],
      [400, 'lines=1-2', {}],
      [416, 'bytes=3-2', {}],
      [416, 'bytes=0-4', {}],
      [416, 'bytes=99999999999999-', {}],
      [415, 'append', { 'Content-Type': 'text/plain' }],
      [415, 'append', { 'Content-Encoding': 'gzip' }],
      [411, 'append', { 'Transfer-Encoding': 'chunked', 'Content-Length': undefined }],
      [412, 'append', { 'If-Match': '"other"' }],
      [412, 'append', { If: '(["other"])' }],
      [412, 'append', { 'If-None-Match': '*' }],
    ] as const) {
      const headers = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
      const answer =
        status === 411
          ? await server.send('PATCH', '/home/a', {
              body: ['--', '--'],
              headers: { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' },
            })
          : await patch(range, '----', headers);
      assert.equal(answer.status, status, `${range} ${JSON.stringify(more)}`);
    }
    assert.equal((await server.send('GET', '/home/a')).headers.etag, before, 'nothing changed');
    assert.equal((await patch('append', '+', { 'If-Match': before })).status, 204);
    await server.send('MKCOL', '/home/d');
    const folder = { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' };
    assert.equal((await server.send('PATCH', '/home/d', { body: 'x', headers: folder })).status, 405);
    const { headers } = await server.send('OPTIONS', '/home/a');
    assert.match(headers.allow!, /\bPATCH\b/);
    assert.match(String(headers.dav), /, sabredav-partialupdate$/);
    assert.equal(headers['accept-patch'], 'application/x-sabredav-partialupdate');
  });

  test(`PATCH is judged by DAV locks like a PUT (${what})`, async (t) => {
    const server = await serveAny(t);
    await server.send('PUT', '/home/a', { body: 'text' });
    const body =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const token = (await server.send('LOCK', '/home/a', { body })).headers['lock-token'] as string;
    const headers = { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' };
    assert.equal((await server.send('PATCH', '/home/a', { body: '+', headers })).status, 423);
    const held = { ...headers, If: `(${token})` };
    assert.equal((await server.send('PATCH', '/home/a', { body: '+', headers: held })).status, 204);
    assert.equal((await server.send('GET', '/home/a')).text, 'text+');
  });
}
