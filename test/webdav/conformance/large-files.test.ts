/** Sizes beyond 32 bits, refusals for lack of room, and the many small files beside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContentReader, EntryRow } from '../../../src/volume/volume.js';
import { exchange, serve } from '../dav-client.js';
import { serveIndexed } from '../indexed-server.js';
import { agents, ask, propfind, received, speak, store } from '../requests.js';

const GiB = 1024 ** 3;

test('M-42: a file of 5 GiB has its size everywhere, and its last bytes can be read', async (t) => {
  const server = await serve(t);
  await store(server, '/home/big', 'x');
  const sizeBytes = 5 * GiB + 3;
  const entry: EntryRow = { ...(await server.volume.stat(['big']))!, sizeBytes };
  const { stat, list } = server.volume;
  server.volume.stat = async (path) => (path[0] === 'big' ? entry : stat.call(server.volume, path));
  server.volume.list = async function* (folder) {
    for await (const page of list.call(server.volume, folder)) yield page.map((row) => ({ ...row, sizeBytes }));
  };
  server.volume.open = async (): Promise<ContentReader> => ({
    entry,
    sizeBytes,
    async *read({ start, end }) {
      for (let at = start; at < end; at += 1) yield Buffer.from([at % 251]);
    },
    atHand: () => undefined,
    close: () => {},
  });
  assert.equal((await server.send('HEAD', '/home/big')).headers['content-length'], String(sizeBytes));
  assert.equal((await ask(server, '/home/big', 'getcontentlength')).value('getcontentlength'), String(sizeBytes));
  for (const agent of ['', agents.finder, agents.windows]) {
    const answer = await propfind(server, '/home/', '1', '', { 'User-Agent': agent });
    assert.ok(answer.text.includes(`<D:getcontentlength>${sizeBytes}<`));
  }
  for (const [Range, start] of [
    [`bytes=${4 * GiB}-${4 * GiB + 1}`, 4 * GiB],
    ['bytes=-2', sizeBytes - 2],
    [`bytes=${sizeBytes - 2}-`, sizeBytes - 2],
  ] as const) {
    const part = await server.send('GET', '/home/big', { headers: { Range } });
    assert.equal(part.headers['content-range'], `bytes ${start}-${start + 1}/${sizeBytes}`);
    assert.deepEqual([...part.body], [start % 251, (start + 1) % 251]);
  }
});

test('M-42: the length of an upload is believed beyond 32 bits', async (t) => {
  const server = await serve(t);
  server.volume.capacityBytes = 4 * GiB;
  const put = (sizeBytes: number) =>
    exchange(
      server.port,
      `PUT /home/big HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sizeBytes}\r\nExpect: 100-continue\r\n\r\n`,
    );
  assert.equal((await put(4 * GiB + 1)).status, 507);
  const socket = speak(
    t,
    server.port,
    'PUT /home/big HTTP/1.1',
    'Host: localhost',
    `Content-Length: ${3 * GiB}`,
    'Expect: 100-continue',
  );
  assert.match(await received(socket, (text) => text.includes('\r\n\r\n')), / 100 /);
  socket.destroy();
});

test('S-12: what cannot fit is refused before its body, by each of the three lengths that clients announce', async (t) => {
  const server = await serve(t);
  server.volume.capacityBytes = 1000;
  for (const lines of [
    ['Content-Length: 5000'],
    ['Transfer-Encoding: chunked', 'X-Expected-Entity-Length: 5000'],
    ['Transfer-Encoding: chunked', 'OC-Total-Length: 5000'],
  ]) {
    const socket = speak(t, server.port, 'PUT /home/a HTTP/1.1', 'Host: localhost', ...lines);
    const text = await received(socket, (all) => all.includes('</D:error>'));
    assert.match(text, /^HTTP\/1\.1 507 /, lines.join());
    // No quota of this user is used up, the disks are full: RFC 4331 section 6 has another name for that.
    assert.match(text, /<D:sufficient-disk-space\/>/);
    socket.destroy();
  }
  assert.equal(server.volume.uploadedBytes, 0);
});

test('S-13: hundreds of small files are few files on the nodes', async (t) => {
  const server = await serveIndexed(t);
  const files = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  const count = () => files.reduce((sum, each) => sum + each.names('segments').length, 0);
  const before = count();
  for (let start = 0; start < 300; start += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => store(server, `/home/._${start + at}`, `${start + at}`.repeat(60))),
    );
  }
  assert.ok(count() - before <= 6, `${count() - before} more files`);
  assert.equal((await server.send('GET', '/home/._277')).text, '277'.repeat(60));
});
