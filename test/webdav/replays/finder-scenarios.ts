/** What Finder does to save: the same steps on a healthy drive and on a failing one. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestServer } from '../dav-client.js';
import type { Finder } from './finder.js';

export const pieceBytes = 65_536;

export interface Interruption {
  /** Runs when the file is created and locked, before its content is sent. */
  readonly beforeContent?: () => Promise<void>;
  /** Runs between two pieces of the content. */
  readonly midway?: (token: string) => Promise<void>;
}

/** F2: `cp`, or an application's "Save as", with the resource fork beside it. */
export async function copySmallFile(
  finder: Finder,
  folder: string,
  name: string,
  interruption: Interruption = {},
): Promise<void> {
  for (const each of [name, `._${name}`]) assert.equal(await finder.lookUp(`${folder}${each}`), undefined);
  for (const [each, content] of [
    [name, `the content of ${name}`],
    [`._${name}`, Buffer.alloc(4096, 'AppleDouble')],
  ] as const) {
    const path = `${folder}${each}`;
    await finder.create(path);
    const token = await finder.open(path);
    await interruption.beforeContent?.();
    const saved = await finder.save(path, token, content);
    await finder.close(path, token);
    await touch(finder, path, saved.headers['last-modified']!);
    assert.ok((await finder.send('GET', path)).body.equals(Buffer.from(content)));
  }
}

/** chmod and utimes: it opens for writing and asks whether its copy is current; a 304 saves a whole download. */
async function touch(finder: Finder, path: string, modified: string): Promise<void> {
  const token = await finder.open(path);
  assert.equal((await finder.send('GET', path, { 'If-Modified-Since': modified })).status, 304);
  await finder.close(path, token);
}

/** F3: a large file in pieces of 64 KiB, without a length but a header of its own. */
export async function copyLargeFile(
  finder: Finder,
  server: Pick<TestServer, 'port'>,
  path: string,
  content: Buffer,
  interruption: Interruption = {},
): Promise<void> {
  assert.equal(await finder.lookUp(path), undefined);
  await finder.create(path);
  const token = await finder.open(path);
  await interruption.beforeContent?.();
  const socket = startSequentialPut(finder, server, path, token, content.length);
  const answer = once(socket, 'data') as Promise<[Buffer]>;
  const middle = Math.floor(content.length / pieceBytes / 2) * pieceBytes;
  await sendPieces(socket, content.subarray(0, middle));
  await interruption.midway?.(token);
  await sendPieces(socket, content.subarray(middle));
  socket.write('0\r\n\r\n');
  const [text] = await answer;
  assert.match(text.toString(), /^HTTP\/1\.1 204 /);
  socket.destroy();
  await finder.close(path, token);
  assert.ok((await finder.send('GET', path)).body.equals(content));
}

export function startSequentialPut(
  finder: Finder,
  server: Pick<TestServer, 'port'>,
  path: string,
  token: string,
  expectedBytes: number,
): Socket {
  const socket = connect({ host: '127.0.0.1', port: server.port });
  socket.on('error', () => {});
  socket.write(
    `PUT ${path} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAccept: */*\r\nUser-Agent: ${finder.userAgent}\r\nTransfer-Encoding: chunked\r\n` +
      `X-Expected-Entity-Length: ${expectedBytes}\r\nIf: (<${token}>)\r\nConnection: keep-alive\r\n\r\n`,
  );
  return socket;
}

export async function sendPieces(socket: Socket, content: Buffer): Promise<void> {
  for (let at = 0; at < content.length; at += pieceBytes) {
    const piece = content.subarray(at, at + pieceBytes);
    const framed = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    if (!socket.write(framed)) await once(socket, 'drain');
  }
}

/** F5: open, see whether the copy is current, save twice (the second is another fsync), close. */
export async function editInPlace(finder: Finder, path: string, interruption: Interruption = {}): Promise<void> {
  const before = await finder.send('GET', path);
  const token = await finder.open(path);
  const current = await finder.send('GET', path, { 'If-Modified-Since': before.headers['last-modified'] });
  assert.ok(current.status === 304 || current.status === 200);
  await interruption.beforeContent?.();
  await finder.save(path, token, 'the first version');
  await finder.save(path, token, 'the second version');
  await finder.close(path, token);
  assert.equal((await finder.send('GET', path)).text, 'the second version');
}
