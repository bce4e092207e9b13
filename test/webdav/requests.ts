/** Bodies and small requests that tests of the protocol share. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import type { Answer, TestServer } from './dav-client.js';
import { type ParsedResponse, readMultistatus } from './oracles.js';

type Sender = Pick<TestServer, 'send'>;
type Headers = Readonly<Record<string, string>>;

export const agents = {
  finder: 'WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)',
  /** Before the macOS that hangs on quota. */
  olderFinder: 'WebDAVFS/3.0.0 (03008000) Darwin/24.3.0 (arm64)',
  windows: 'Microsoft-WebDAV-MiniRedir/10.0.26100',
  word: 'Microsoft Office Word 2014',
  gvfs: 'gvfs/1.50.3',
} as const;

/** A propfind of DAV: properties, or of whatever markup is given. */
export function propfindBody(...names: string[]): string {
  const inside = names.map((name) => (name.startsWith('<') ? name : `<D:${name}/>`)).join('');
  return `<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop>${inside}</D:prop></D:propfind>`;
}

export function propfind(server: Sender, path: string, depth = '0', body = '', headers: Headers = {}): Promise<Answer> {
  return server.send('PROPFIND', path, { headers: { Depth: depth, ...headers }, body });
}

/** The first response of a Depth 0 PROPFIND of the named properties. */
export async function ask(server: Sender, path: string, ...names: string[]): Promise<ParsedResponse> {
  return readMultistatus(await propfind(server, path, '0', propfindBody(...names)), path)[0]!;
}

export function proppatch(server: Sender, path: string, inside: string, headers: Headers = {}): Promise<Answer> {
  const body = `<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:">${inside}</D:propertyupdate>`;
  return server.send('PROPPATCH', path, { headers, body });
}

export const setting = (inside: string): string => `<D:set><D:prop>${inside}</D:prop></D:set>`;
export const removing = (inside: string): string => `<D:remove><D:prop>${inside}</D:prop></D:remove>`;

export function lockBody(scope = 'exclusive', owner = '<D:owner>me</D:owner>'): string {
  return `<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype>${owner}</D:lockinfo>`;
}

export function lock(server: Sender, path: string, headers: Headers = {}, body = lockBody()): Promise<Answer> {
  return server.send('LOCK', path, { headers, body });
}

export function unlock(server: Sender, path: string, token: string, headers: Headers = {}): Promise<Answer> {
  return server.send('UNLOCK', path, { headers: { ...headers, 'Lock-Token': `<${token}>` } });
}

export function tokenOf(answer: Answer): string {
  const token = /^<(opaquelocktoken:[0-9a-f-]{36})>$/.exec(String(answer.headers['lock-token']))?.[1];
  assert.ok(token, `no lock: ${answer.status} ${answer.text}`);
  return token;
}

/** A new file, or new bytes in one that is there. */
export async function store(server: Sender, path: string, body: string | Buffer = 'text'): Promise<Answer> {
  const answer = await server.send('PUT', path, { body });
  assert.ok(answer.status === 201 || answer.status === 204, `${path}: ${answer.status} ${answer.text}`);
  return answer;
}

export async function makeFolder(server: Sender, path: string): Promise<void> {
  const { status, text } = await server.send('MKCOL', path);
  assert.equal(status, 201, `${path}: ${text}`);
}

/** Status of each of several requests, in order. */
export async function statuses(...requests: Promise<Answer>[]): Promise<number[]> {
  return (await Promise.all(requests)).map(({ status }) => status);
}

/** A connection that says what it is told; closed with the test. */
export function speak(t: { after(action: () => void): void }, port: number, ...lines: string[]): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return socket;
}

/** Waits in turns of the event loop for what other connections bring about. */
export async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isDone())) await new Promise((resolve) => setImmediate(resolve));
}

/** All that the socket has received when the predicate first holds. */
export function received(socket: Socket, isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const take = (part: Buffer): void => {
      text += part.toString('latin1');
      if (isEnough(text)) done();
    };
    const done = (): void => {
      socket.off('data', take);
      socket.off('close', fail);
      resolve(text);
    };
    const fail = (): void => reject(new Error(`closed after: ${text}`));
    socket.on('data', take);
    socket.on('close', fail);
  });
}
