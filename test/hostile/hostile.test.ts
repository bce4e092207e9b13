/**
 * Requests that nobody honest sends, byte by byte (rows/), with the answer each must get. After each one a known file must
 * still read back exactly, and nothing may have been added.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, serve, type TestServer } from '../webdav/dav-client.js';
import { bodies } from './rows/bodies.js';
import { framing } from './rows/framing.js';
import { headers } from './rows/headers.js';
import { origins } from './rows/origins.js';
import { paths, pathsEverywhere } from './rows/paths.js';
import { plain, type Row } from './rows/row.js';

const canary = 'the canary sings';
const groups = { framing, paths, pathsEverywhere, origins, bodies, headers };

async function assertUntouched(server: TestServer, name: string): Promise<void> {
  assert.equal((await server.send('GET', '/home/canary')).text, canary, name);
  const entries = [];
  for await (const page of server.volume.list((await server.volume.stat([]))!)) entries.push(...page);
  assert.deepEqual(
    entries.map((entry) => entry.name),
    ['canary'],
    name,
  );
  assert.deepEqual([server.volume.openUploads, server.volume.openReaders], [0, 0], name);
}

for (const [group, rows] of Object.entries(groups)) {
  test(`hostile ${group}: ${rows.length} requests`, async (t) => {
    const server = await serve(t);
    await server.send('PUT', '/home/canary', { body: canary });
    const wrong: string[] = [];
    for (const [name, bytes, ...statuses] of rows) {
      const answer = await exchange(server.port, Buffer.from(bytes, 'latin1'));
      if (!statuses.includes(answer.status)) wrong.push(`${name}: ${answer.status}, not ${statuses}`);
      assert.doesNotMatch(answer.head, /access-control|www-authenticate/i);
      await assertUntouched(server, name);
    }
    assert.deepEqual(wrong, []);
    assert.deepEqual(server.events, []);
  });
}

test('the table has a row for each thing once', () => {
  const names = Object.values(groups).flatMap((rows) => rows.map(([name]) => name));
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 250, `${names.length} rows`);
});

test('honest requests near the limits pass', async (t) => {
  const server = await serve(t, { allowedHosts: ['drive.example'] });
  await server.send('PUT', '/home/canary', { body: canary });
  const good: Row[] = [
    ['IPv6 loopback', 'GET /home/canary HTTP/1.1\r\nHost: [::1]:4918\r\n\r\n', 200],
    ['a configured host', 'GET /home/canary HTTP/1.1\r\nHost: Drive.Example\r\n\r\n', 200],
    ['HTTP/1.0 read', 'GET /home/canary HTTP/1.0\r\nHost: localhost\r\n\r\n', 200],
    ['absolute form', plain('GET http://localhost/home/canary'), 200],
    [
      'a stray line behind a whole request',
      `${plain('PROPFIND /home/canary', 'Depth: 0\r\n')}Connection: keep-alive\r\n\r\n`,
      207,
    ],
    [
      'a link from another site',
      plain('GET /home/canary', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n'),
      200,
    ],
    ['our own origin', plain('DELETE /home/no', 'Origin: http://localhost\r\n'), 404],
    [
      'our own origin, forwarded by a proxy that ends TLS',
      plain('DELETE /home/no', 'Origin: https://drive.example\r\nX-Forwarded-Host: drive.example\r\n'),
      404,
    ],
    [
      '90 header lines',
      plain('GET /home/canary', Array.from({ length: 90 }, (_, at) => `X-${at}: y\r\n`).join('')),
      200,
    ],
    ['a query on a read', plain('GET /home/canary?download'), 200],
  ];
  for (const [name, bytes, ...statuses] of good) {
    const answer = await exchange(server.port, Buffer.from(bytes, 'latin1'));
    assert.ok(statuses.includes(answer.status), `${name}: ${answer.status}`);
  }
});
