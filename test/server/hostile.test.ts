/**
 * Requests that nobody honest sends, byte by byte, with the answer each must get. After each one a known file must
 * still read back exactly, and nothing may have been added.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange, serve, type TestServer } from '../webdav/dav-client.js';

const canary = 'the canary sings';

/** Rows: what it is, the bytes, the statuses that are right (0: closed without an answer). */
type Row = readonly [name: string, bytes: string, ...statuses: number[]];

const plain = (line: string, headers = '', body = ''): string =>
  `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;
const length = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}\r\n`;
const xml = (method: string, body: string): string =>
  plain(`${method} /home/canary`, `Depth: 0\r\n${length(body)}`, body);

const framing: Row[] = [
  ['no Host', 'GET /home/canary HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', plain('GET /home/canary', 'Host: localhost\r\n'), 400],
  ['a foreign second Host', plain('GET /home/canary', 'Host: evil.example\r\n'), 400],
  ['HTTP/0.9', 'GET /home/canary\r\n\r\n', 400, 505],
  ['HTTP/1.0 without Host', 'GET /home/canary HTTP/1.0\r\n\r\n', 400],
  ['HTTP/1.0 write', 'PUT /home/x HTTP/1.0\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx', 505],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505],
  ['TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['length and chunks', plain('PUT /home/x', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'), 400],
  ['two lengths', plain('PUT /home/x', 'Content-Length: 1\r\nContent-Length: 2\r\n', 'x'), 400],
  ['negative length', plain('PUT /home/x', 'Content-Length: -1\r\n', 'x'), 400],
  ['length with a sign', plain('PUT /home/x', 'Content-Length: +1\r\n', 'x'), 400],
  ['length of 2^64', plain('PUT /home/x', 'Content-Length: 18446744073709551616\r\n', 'x'), 400],
  ['unknown transfer coding', plain('PUT /home/x', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'), 400, 501],
  ['packed chunks', plain('PUT /home/x', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'), 501],
  ['chunked twice', plain('PUT /home/x', 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), 400, 501],
  ['bad chunk size', plain('PUT /home/x', 'Transfer-Encoding: chunked\r\n', 'zz\r\nx\r\n0\r\n\r\n'), 0, 400],
  ['line feeds only in chunks', plain('PUT /home/x', 'Transfer-Encoding: chunked\r\n', '1\nx\n0\n\n'), 0, 400],
  ['space before the colon', plain('GET /home/canary', 'X : y\r\n'), 400],
  ['folded header', plain('GET /home/canary', 'X: y\r\n z\r\n'), 400],
  ['NUL in a header', plain('GET /home/canary', 'X: a\0b\r\n'), 400],
  ['lower-case method', plain('get /home/canary'), 400],
  ['unknown method', plain('FROB /home/canary'), 400],
  ['CONNECT', plain('CONNECT localhost:80'), 0, 400],
  [
    '101 header lines',
    plain('GET /home/canary', Array.from({ length: 101 }, (_, at) => `X-${at}: y\r\n`).join('')),
    431,
  ],
  ['a header of 70 KiB', plain('GET /home/canary', `X: ${'y'.repeat(70_000)}\r\n`), 431],
  ['an unknown expectation', plain('PUT /home/x', 'Expect: 200-ok\r\nContent-Length: 1\r\n', 'x'), 417],
];

const paths: Row[] = [
  '/home/..',
  '/home/../canary',
  '/home/%2e%2e/canary',
  '/home/.%2e/canary',
  '/home/./canary',
  '/home/..%2fcanary',
  '/home/..%5ccanary',
  '/home/..\\canary',
  '/home/%c0%ae%c0%ae/canary',
  '/home/%00',
  '/home/canary%00',
  '/home/a%0d%0ab',
  '/home/%',
  '/home/%zz',
  '/home/%ff',
  '/home/%ED%A0%80',
  '/home/a%7f',
  '/home/canary#x',
  '/../../etc/passwd',
].map((path): Row => [`PUT ${path}`, plain(`PUT ${path}`, 'Content-Length: 1\r\n', 'x'), 400]);

const morePaths: Row[] = [
  ['decoded once only', plain('GET /home/%252e%252e/canary'), 404],
  ['raw bytes above 0x7f', plain('GET /home/\xe9'), 400],
  ['two slashes in front', plain('GET //evil/canary'), 404],
  ['a path of 40 KiB', plain(`GET /home/${'a'.repeat(40_000)}`), 414],
  ['ten thousand levels', plain(`GET /home${'/a'.repeat(10_000)}`), 414],
  ['a name of 256 bytes', plain(`PUT /home/${'a'.repeat(256)}`, 'Content-Length: 1\r\n', 'x'), 400],
  ['absolute form of another host', plain('GET http://evil.example/home/canary'), 421],
  ['absolute form that is none', plain('GET http://[::1'), 400],
  ['a query on a write', plain('DELETE /home/canary?x'), 400],
  ['an asterisk', plain('DELETE *'), 400],
  ['a fragment on DELETE', plain('DELETE /home/#canary'), 400],
];

const origins: Row[] = [
  ['a foreign Host', 'GET /home/canary HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421],
  ['a foreign Host with our port', 'DELETE /home/canary HTTP/1.1\r\nHost: evil.example:4918\r\n\r\n', 421],
  ['an address that is not ours', 'GET /home/canary HTTP/1.1\r\nHost: 192.168.1.7\r\n\r\n', 421],
  ['a name that looks like loopback', 'GET /home/canary HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n', 421],
  ['a foreign Origin', plain('PUT /home/x', 'Origin: http://evil.example\r\nContent-Length: 1\r\n', 'x'), 403],
  [
    'an Origin of another port',
    plain('PUT /home/x', 'Origin: http://localhost:3000\r\nContent-Length: 1\r\n', 'x'),
    403,
  ],
  ['Origin null', plain('DELETE /home/canary', 'Origin: null\r\n'), 403],
  [
    'a preflight',
    plain('OPTIONS /home/', 'Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\n'),
    403,
  ],
  [
    'a cross-site write',
    plain('DELETE /home/canary', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'),
    403,
  ],
  ['a cross-site read', plain('GET /home/canary', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'), 403],
  [
    'another port of this computer',
    plain('GET /home/canary', 'Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n'),
    403,
  ],
  ['a form', plain('POST /home/x', 'Content-Type: text/plain\r\nContent-Length: 1\r\n', 'x'), 405],
];

const bodies: Row[] = [
  ['a body beyond all limits', plain('PROPFIND /home/', 'Depth: 0\r\nContent-Length: 10000000000\r\n'), 413],
  ['a large body on DELETE', plain('DELETE /home/canary', 'Content-Length: 2000000\r\n'), 413],
  [
    'an XML body of 2 MiB in chunks',
    plain(
      'PROPFIND /home/',
      'Depth: 0\r\nTransfer-Encoding: chunked\r\n',
      `200000\r\n${' '.repeat(0x200000)}\r\n0\r\n\r\n`,
    ),
    413,
  ],
  [
    'a document type',
    xml(
      'PROPFIND',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><D:propfind xmlns:D="DAV:">&x;</D:propfind>',
    ),
    400,
  ],
  [
    'a billion laughs',
    xml('PROPFIND', `<!DOCTYPE a [<!ENTITY a "ha">${'<!ENTITY b "&a;&a;">'.repeat(50)}]><a>&b;</a>`),
    400,
  ],
  ['100,000 nested elements', xml('PROPFIND', '<a>'.repeat(100_000)), 400],
  [
    '50,000 attributes',
    xml('PROPFIND', `<a ${Array.from({ length: 50_000 }, (_, at) => `b${at}=""`).join(' ')}/>`),
    400,
  ],
  [
    '5,000 properties',
    xml(
      'PROPFIND',
      `<D:propfind xmlns:D="DAV:"><D:prop>${Array.from({ length: 5000 }, (_, at) => `<D:b${at}/>`).join('')}</D:prop></D:propfind>`,
    ),
    400,
  ],
  ['UTF-16', plain('PROPFIND /home/', 'Depth: 0\r\nContent-Length: 8\r\n', '\0<\0a\0/\0>'), 400],
  ['another root', xml('PROPFIND', '<a/>'), 400],
  ['malformed PROPPATCH', xml('PROPPATCH', '<D:propertyupdate xmlns:D="DAV:">'), 400],
  ['LOCK of nonsense', xml('LOCK', '<a xmlns="DAV:"/>'), 400],
  ['PUT of a part', plain('PUT /home/canary', 'Content-Range: bytes 0-0/16\r\nContent-Length: 1\r\n', 'x'), 400],
  ['PUT of packed bytes', plain('PUT /home/canary', 'Content-Encoding: gzip\r\nContent-Length: 1\r\n', 'x'), 415],
];

const headers: Row[] = [
  ['Depth twice', plain('PROPFIND /home/', 'Depth: 0\r\nDepth: infinity\r\n'), 400],
  ['Depth 2', plain('PROPFIND /home/', 'Depth: 2\r\n'), 400],
  ['Destination twice', plain('MOVE /home/canary', 'Destination: /home/b\r\nDestination: /home/c\r\n'), 400],
  ['Destination on no volume', plain('MOVE /home/canary', 'Destination: http://evil.example/other/b\r\n'), 502],
  ['Destination with dots', plain('MOVE /home/canary', 'Destination: /home/%2e%2e/x\r\n'), 400],
  ['Destination shorter than the prefix', plain('COPY /home/canary', 'Destination: /h\r\n'), 502],
  ['Overwrite twice', plain('COPY /home/canary', 'Destination: /home/canary\r\nOverwrite: F\r\nOverwrite: T\r\n'), 400],
  ['onto itself', plain('MOVE /home/canary', 'Destination: /home/canary\r\n'), 403],
  ['the volume itself', plain('MOVE /home', 'Destination: /home/x\r\n'), 403],
  ['DELETE of the volume', plain('DELETE /home/'), 403],
  ['DELETE of the list', plain('DELETE /'), 403],
  ['an If header that never closes', plain('DELETE /home/canary', `If: ${'('.repeat(10_000)}\r\n`), 400],
  ['an If header for an invalid URI', plain('DELETE /home/canary', 'If: <http://[::1> (<x>)\r\n'), 400],
  ['an If header with an unknown token', plain('DELETE /home/canary', 'If: (<urn:x:1>)\r\n'), 412],
  ['ten thousand tags', plain('DELETE /home/canary', `If-Match: ${'"a",'.repeat(10_000)}"b"\r\n`), 400, 412],
  ['a tag without quotes', plain('DELETE /home/canary', 'If-Match: a\r\n'), 400],
  ['a lock token with markup', plain('UNLOCK /home/canary', 'Lock-Token: <a> <b>\r\n'), 400],
  ['ten thousand ranges', plain('GET /home/canary', `Range: bytes=${'0-,'.repeat(10_000)}0-\r\n`), 200],
];

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

for (const [group, rows] of Object.entries({ framing, paths, morePaths, origins, bodies, headers })) {
  test(`hostile ${group}`, async (t) => {
    const server = await serve(t);
    await server.send('PUT', '/home/canary', { body: canary });
    for (const [name, bytes, ...statuses] of rows) {
      const answer = await exchange(server.port, Buffer.from(bytes, 'latin1'));
      assert.ok(statuses.includes(answer.status), `${name}: ${answer.status}, not ${statuses}`);
      assert.doesNotMatch(answer.head, /access-control|www-authenticate/i);
      await assertUntouched(server, name);
    }
    assert.deepEqual(server.events, []);
  });
}

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
