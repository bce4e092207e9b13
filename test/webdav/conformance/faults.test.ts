/** Trouble below that clients must not notice, and what they get when they must. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError, type ErrorCode } from '../../../src/core/errors.js';
import { serve, type TestServer } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { lock, propfind, proppatch, setting, store, tokenOf, unlock } from '../requests.js';

const MiB = 1024 * 1024;

/** One of everything; none may fail. */
async function workOn(server: Pick<TestServer, 'send'>, folder: string): Promise<void> {
  const send = async (method: string, name: string, headers: Record<string, string> = {}, body?: string | Buffer) => {
    const answer = await server.send(method, `${folder}${name}`, { headers, ...(body !== undefined && { body }) });
    assert.ok(answer.status < 300, `${method} ${folder}${name}: ${answer.status} ${answer.text}`);
    return answer;
  };
  const large = Buffer.alloc(2 * MiB + 9, `${folder} `);
  await send('MKCOL', '');
  await send('PUT', '/small', {}, 'text');
  await send('PUT', '/large', {}, large);
  await send('COPY', '/large', { Destination: `${folder}/copy` });
  await send('MOVE', '/copy', { Destination: `${folder}/moved` });
  assert.ok((await send('GET', '/moved')).body.equals(large));
  assert.equal((await proppatch(server, `${folder}/small`, setting('<k xmlns="urn:k">1</k>'))).status, 207);
  const token = tokenOf(await lock(server, `${folder}/small`));
  await send('PUT', '/small', { If: `(<${token}>)` }, 'other');
  assert.equal((await unlock(server, `${folder}/small`, token)).status, 204);
  await send('DELETE', '/large');
  assert.equal((await propfind(server, folder, '1')).text.match(/<D:response>/g)?.length, 3);
}

test('M-09: with one node away, whichever it is, everything works', async (t) => {
  const server = await serveIndexed(t);
  for (const letter of ['a', 'b', 'c']) {
    await server.drive.takeAway(letter);
    await workOn(server, `/home/${letter}`);
    await server.drive.bringBack(letter);
  }
  await workOn(server, '/home/again');
});

for (const operation of ['write', 'sync'] as const) {
  for (const name of ['seg', 'journal']) {
    test(`M-09: a node that fails a ${operation} of a ${name} file is not noticed`, async (t) => {
      const server = await serveIndexed(t);
      await workOn(server, '/home/before');
      server.drive.store('a').plan({ operation, effect: 'NODE_IO', name });
      await workOn(server, '/home/during');
      await workOn(server, '/home/after');
    });
  }
}

test('M-09: a copy that cannot be read is not noticed', async (t) => {
  const server = await serveIndexed(t);
  await store(server, '/home/a', Buffer.alloc(MiB, 'text'));
  const readFrom = async (range: string) =>
    assert.equal((await server.send('GET', '/home/a', { headers: { Range: `bytes=${range}` } })).status, 206);
  const stores = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  for (const { log } of stores) log.length = 0;
  await readFrom('0-9');
  // Which copy is asked depends on how fast they were.
  const asked = stores.find(({ log }) => log.some(({ operation }) => operation === 'read'))!;
  asked.plan({ operation: 'read', effect: 'NODE_IO', name: 'seg' });
  for (let round = 1; round < 4; round += 1) await readFrom(`${round * 70_000}-`);
});

test('M-09: while the volume is opened again, requests wait', async (t) => {
  let reopened = (): void => {};
  let wait = Promise.resolve();
  const server = await serveIndexed(t, { reopening: () => wait });
  await store(server, '/home/a');
  wait = new Promise((resolve) => {
    reopened = resolve;
  });
  let answered = 0;
  const all = [
    server.send('GET', '/home/a'),
    propfind(server, '/home/'),
    server.send('PUT', '/home/b', { body: 'text' }),
    server.send('MKCOL', '/home/d'),
    lock(server, '/home/c'),
    server.send('DELETE', '/home/no'),
  ];
  for (const each of all) void each.then(() => (answered += 1));
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, 0);
  wait = Promise.resolve();
  reopened();
  assert.deepEqual(
    (await Promise.all(all)).map(({ status }) => status),
    [200, 207, 201, 201, 201, 404],
  );
});

test('M-09: what cannot be mended in time is a 503 that closes; no room is 507', async (t) => {
  const server = await serve(t);
  const cases: readonly [ErrorCode, number, string][] = [
    ['UNAVAILABLE', 503, 'close'],
    ['READ_ONLY', 503, 'close'],
    ['NODE_IO', 503, 'close'],
    ['OUT_OF_SPACE', 507, 'keep-alive'],
    ['NODE_FULL', 507, 'keep-alive'],
  ];
  for (const [code, status, connection] of cases) {
    server.volume.makeFolder = async () => {
      throw new DriveError(code);
    };
    const answer = await server.send('MKCOL', '/home/d', { headers: { Connection: 'keep-alive' } });
    assert.deepEqual([answer.status, answer.headers.connection], [status, connection], code);
    if (status === 503) assert.match(String(answer.headers['retry-after']), /^\d+$/);
  }
});
