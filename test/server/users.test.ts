/** Users at the listener: who gets in, what those may do who only read, and whose locks are whose. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import type { User } from '../../src/access/access.js';
import { makeCredentials, realmOf } from '../../src/access/credentials.js';
import { PasswordHasher } from '../../src/access/passwords/password-hasher.js';
import { systemRandom } from '../../src/core/random.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { processorMs } from '../support/processor-ms.js';
import { exchange, serve } from '../webdav/dav-client.js';
import { serveIndexed } from '../webdav/indexed-server.js';

const hasher = new PasswordHasher();
after(() => hasher.close());
const realm = realmOf(new MemoryVolume('home').id);
const user = async (name: string, rights: User['rights']): Promise<User> => ({
  name,
  rights,
  credentials: await makeCredentials({ name, password: `${name}'s word`, realm }, { hasher, random: systemRandom }),
});
const people = [await user('ana', 'write'), await user('ben', 'read'), await user('eve', 'write')];
const as = (name: string, password = `${name}'s word`) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

const sourceOf = (list: readonly User[]) => ({
  list: async () => list,
  named: async (name: string) => list.find((one) => one.name === name),
});

async function guarded(t: TestContext, users: readonly User[] = people) {
  const list = [...users];
  return { list, ...(await serve(t, { users: sourceOf(list) })) };
}

test('M-12 S-10: without users a drive on loopback is open; with the first one it asks everybody', async (t) => {
  const server = await guarded(t, []);
  assert.equal((await server.send('PUT', '/home/a', { body: 'x' })).status, 201);
  server.list.push(people[0]!);
  const refused = await server.send('GET', '/home/a');
  assert.equal(refused.status, 401);
  const challenges = String(refused.headers['www-authenticate']);
  assert.match(challenges, /Digest realm="Holdfast [^"]*", qop="auth", algorithm=SHA-256/);
  assert.match(challenges, /Basic realm="Holdfast [^"]*", charset="UTF-8"/);
  assert.equal((await server.send('GET', '/home/a', { headers: as('ana') })).text, 'x');
});

test('a refusal says the same for what is there and what is not, and for every method', async (t) => {
  const server = await guarded(t);
  await server.send('PUT', '/home/secret-plans', { body: 'x', headers: as('ana') });
  const masked = (text: string) => text.replace(/nonce="[^"]*"/g, '').replace(/^date:.*$/gim, '');
  const answers = new Set<string>();
  for (const [method, path] of [
    ['GET', '/home/secret-plans'],
    ['GET', '/home/none'],
    ['GET', '/other/'],
    ['PROPFIND', '/home/'],
    ['DELETE', '/home/secret-plans'],
    ['LOCK', '/home/secret-plans'],
    ['FROB', '/'],
    ['OPTIONS', '*'],
  ] as const) {
    for (const headers of [{}, as('ana', 'wrong word'), as('nobody')]) {
      const lines = Object.entries({ Host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
      const answer = await exchange(server.port, Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`));
      if (method === 'FROB') assert.equal(answer.status, 400);
      else answers.add(masked(`${answer.head}\n${answer.body}`));
    }
  }
  assert.equal(answers.size, 1, [...answers].join('\n---\n'));
  assert.doesNotMatch([...answers].join(), /secret-plans|home|ana/);
});

test('who may only read can read, and change nothing in any way', async (t) => {
  const server = await guarded(t);
  await server.send('PUT', '/home/a', { body: 'x', headers: as('ana') });
  const ben = (method: string, headers = {}, body = '') =>
    server.send(method, '/home/a', { headers: { ...as('ben'), ...headers }, body });
  assert.equal((await ben('GET')).text, 'x');
  assert.equal((await ben('HEAD')).status, 200);
  assert.equal((await ben('PROPFIND', { Depth: '0' })).status, 207);
  const options = await ben('OPTIONS');
  assert.deepEqual([options.headers.dav, options.headers.allow], ['1, 3', 'OPTIONS, GET, HEAD, PROPFIND']);
  const lockinfo = '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
  const changes: (readonly [string, object?, string?])[] = [
    ['PUT', {}, 'y'],
    ['PATCH', { 'Content-Type': 'application/x-sabredav-partialupdate', 'X-Update-Range': 'append' }, 'y'],
    ['DELETE'],
    ['MKCOL'],
    ['COPY', { Destination: '/home/b' }],
    ['MOVE', { Destination: '/home/b' }],
    ['PROPPATCH', {}, '<propertyupdate xmlns="DAV:"><set><prop><x xmlns="n"/></prop></set></propertyupdate>'],
    ['LOCK', {}, lockinfo],
    ['UNLOCK', { 'Lock-Token': '<urn:x>' }],
  ];
  for (const [method, headers, body] of changes) assert.equal((await ben(method, headers, body)).status, 403, method);
  assert.equal((await server.send('GET', '/home/a', { headers: as('ana') })).text, 'x');
  assert.equal(await server.volume.stat(['b']), undefined);
  assert.equal(server.volume.openUploads, 0);
});

test('a page offers its visitor what he may do, and no more', async (t) => {
  const server = await guarded(t);
  await server.send('PUT', '/home/a', { body: 'x', headers: as('ana') });
  await server.send('MKCOL', '/home/empty', { headers: as('ana') });
  const page = async (name: string, path: string) => {
    const { text, headers } = await server.send('GET', path, { headers: as(name) });
    const script = /<script>([\s\S]*)<\/script>/.exec(text)?.[1] ?? '';
    const hash = createHash('sha256').update(script).digest('base64');
    assert.ok(String(headers['content-security-policy']).includes(`'sha256-${hash}'`), 'its script may run');
    return text;
  };
  const changes = /upload|rename|delete|new.folder|MKCOL|<dialog/i;
  for (const path of ['/home/', '/home/empty/']) {
    assert.match(await page('ana', path), changes);
    const shown = await page('ben', path);
    assert.doesNotMatch(shown.replace(/<style>[\s\S]*?<\/style>|<svg class="sprites"[\s\S]*?<\/svg>/g, ''), changes);
    assert.match(shown, /read only/);
  }
  assert.match(await page('ben', '/home/'), /Actions for a"[\s\S]*Download/);
});

test('a lock is its owner’s: others neither use nor end it, nor learn its token', async (t) => {
  const server = await serveIndexed(t, { users: sourceOf(people) });
  await server.send('PUT', '/home/a', { body: 'x', headers: as('ana') });
  const body = '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
  const locked = await server.send('LOCK', '/home/a', { body, headers: as('ana') });
  const token = String(locked.headers['lock-token']);
  const If = `(${token})`;
  const put = (name: string) => server.send('PUT', '/home/a', { body: 'y', headers: { ...as(name), If } });
  assert.equal((await put('eve')).status, 423);
  const ended = await server.send('UNLOCK', '/home/a', { headers: { ...as('eve'), 'Lock-Token': token } });
  assert.equal(ended.status, 403);
  const asked = '<propfind xmlns="DAV:"><prop><lockdiscovery/></prop></propfind>';
  const seen = async (name: string) =>
    (await server.send('PROPFIND', '/home/a', { body: asked, headers: { ...as(name), Depth: '0' } })).text;
  assert.ok((await seen('ana')).includes(token.slice(1, -1)));
  for (const name of ['eve', 'ben']) {
    const text = await seen(name);
    assert.ok(text.includes('activelock') && !text.includes(token.slice(1, -1)), name);
  }
  assert.equal((await put('ana')).status, 204);
});

test('a body waits for the password: 401 comes before 100 and before a byte of it', async (t) => {
  const server = await guarded(t);
  const head = 'PUT /home/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1000000\r\n';
  const socket = connect({ host: '127.0.0.1', port: server.port });
  t.after(() => socket.destroy());
  socket.write(`${head}\r\n`);
  const [refused] = (await once(socket, 'data')) as [Buffer];
  assert.match(refused.toString(), /^HTTP\/1\.1 401 /);
  const other = connect({ host: '127.0.0.1', port: server.port });
  t.after(() => other.destroy());
  other.write(`${head}Authorization: ${as('ana').Authorization}\r\n\r\n`);
  const [waited] = (await once(other, 'data')) as [Buffer];
  assert.match(waited.toString(), /^HTTP\/1\.1 100 /);
});

test('two Authorization headers are refused', async (t) => {
  const server = await guarded(t);
  const { Authorization } = as('ana');
  const twice = `Authorization: ${Authorization}\r\nAuthorization: ${Authorization}\r\n`;
  const answer = await exchange(server.port, Buffer.from(`GET /home/ HTTP/1.1\r\nHost: localhost\r\n${twice}\r\n`));
  assert.equal(answer.status, 400);
});

test('the next request sees a changed user', async (t) => {
  const server = await guarded(t);
  const status = async () => (await server.send('PUT', '/home/a', { body: 'x', headers: as('ana') })).status;
  assert.equal(await status(), 201);
  server.list[0] = { ...people[0]!, rights: 'read' };
  assert.equal(await status(), 403);
  server.list.shift();
  assert.equal(await status(), 401);
});

test('M-44: a password that was right a moment ago is not hashed again', async (t) => {
  const server = await guarded(t);
  const timed = async (times: number): Promise<number> => {
    const began = processorMs();
    for (let turn = 0; turn < times; turn += 1) {
      assert.equal((await server.send('GET', '/home/none', { headers: as('ana') })).status, 404);
    }
    return processorMs() - began;
  };
  const first = await timed(1);
  assert.ok((await timed(40)) < 10 * first, 'forty requests cost less than ten hashes');
});
