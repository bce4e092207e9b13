/** Explorer (MiniRedirector) and Office: the requests, headers and bodies that Windows sends, and what each needs back. */
import assert from 'node:assert/strict';
import { Agent, type OutgoingHttpHeaders } from 'node:http';
import type { Answer, Sent, TestServer } from '../dav-client.js';
import { listed, readMultistatus } from '../oracles.js';

type Body = NonNullable<Sent['body']>;

export const declaration = '<?xml version="1.0" encoding="utf-8" ?>';
const lockXml = { 'Content-Type': 'text/xml; charset="utf-8"' };

export interface Dress {
  /** Byte order marks, NULs, other namespace declarations. */
  readonly body?: (xml: string) => string | Buffer;
  readonly ifHeader?: (token: string) => string;
  readonly owner?: string;
}

export const win32 = {
  copied: (attributes = '00000000'): string => {
    const names = ['CreationTime', 'LastAccessTime', 'LastModifiedTime'];
    const times = names.map((name) => `<Z:Win32${name}>Sat, 05 Nov 1994 08:49:37 GMT</Z:Win32${name}>`);
    return `${times.join('')}<Z:Win32FileAttributes>${attributes}</Z:Win32FileAttributes>`;
  },
  saved: (attributes = '00000020'): string =>
    `<Z:Win32LastModifiedTime>${win32.modified}</Z:Win32LastModifiedTime><Z:Win32FileAttributes>${attributes}</Z:Win32FileAttributes>`,
  modified: 'Sun, 06 Nov 1994 08:49:37 GMT',
};

export class Windows {
  readonly #server: Pick<TestServer, 'send' | 'port'>;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #dress: Dress;
  readonly #userAgent: string;

  constructor(
    t: { after(action: () => void): void },
    server: Pick<TestServer, 'send' | 'port'>,
    {
      dress = {},
      userAgent = 'Microsoft-WebDAV-MiniRedir/10.0.26100',
    }: { readonly dress?: Dress; readonly userAgent?: string } = {},
  ) {
    this.#server = server;
    this.#dress = dress;
    this.#userAgent = userAgent;
    t.after(() => this.#agent.destroy());
  }

  send(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders = {},
    body?: Body,
    userAgent = this.#userAgent,
  ): Promise<Answer> {
    const length = body === undefined ? { 'Content-Length': 0 } : {};
    const all = {
      Connection: 'Keep-Alive',
      'Cache-Control': 'no-cache',
      Pragma: 'no-cache',
      'User-Agent': userAgent,
      ...headers,
      translate: 'f',
      ...length,
    };
    return this.#server.send(method, path, { headers: all, agent: this.#agent, ...(body !== undefined && { body }) });
  }

  ask(path: string, depth = '0'): Promise<Answer> {
    return this.send('PROPFIND', path, { Depth: depth });
  }

  async exists(path: string): Promise<boolean> {
    const { status } = await this.ask(path);
    assert.ok(status === 207 || status === 404, `${path}: ${status}`);
    return status === 207;
  }

  async names(folder: string): Promise<string[]> {
    return listed(await this.ask(folder, '1'), folder)
      .slice(1)
      .map(({ name }) => name);
  }

  /** Without a Depth header; granted for an hour. */
  async lock(path: string): Promise<string> {
    const owner = this.#dress.owner ?? 'DOMAIN\\user';
    const body =
      `${declaration}<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype>` +
      `<D:owner><D:href>${owner}</D:href></D:owner></D:lockinfo>`;
    const answer = await this.send('LOCK', path, { ...lockXml, Timeout: 'Second-3600' }, this.#dressed(body));
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.text.includes(`<D:owner><D:href>${owner}</D:href></D:owner>`), answer.text);
    assert.match(answer.text, /Second-3600/);
    const token = /^<(opaquelocktoken:[^>]*)>$/.exec(String(answer.headers['lock-token']))?.[1];
    assert.ok(token);
    return token;
  }

  async refresh(path: string, token: string): Promise<void> {
    const answer = await this.send('LOCK', path, { If: this.#if(token), Timeout: 'Second-3600' });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.text.includes(token), 'another token would be "file in use"');
  }

  async unlock(path: string, token: string): Promise<void> {
    const { status } = await this.send('UNLOCK', path, { 'Lock-Token': `<${token}>` });
    assert.equal(status, 204, path);
  }

  /** Each property 200, with its name: anything else is "file too large" or a file of 0 bytes. */
  async attributes(path: string, properties: string, token?: string): Promise<void> {
    const body = `${declaration}<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>${properties}</D:prop></D:set></D:propertyupdate>`;
    const headers = { ...lockXml, ...(token && { If: this.#if(token) }) };
    const answer = await this.send('PROPPATCH', path, headers, this.#dressed(body));
    const [row] = readMultistatus(answer, path);
    const names = [...properties.matchAll(/<(?:Z:)?(Win32\w+)[ >]/g)].map(
      ([, name]) => `urn:schemas-microsoft-com: ${name}`,
    );
    assert.deepEqual(
      row!.propstats.map(({ status, properties: found }) => [status, [...found.keys()]]),
      [[200, names]],
    );
  }

  async put(path: string, content: string | Buffer, token?: string): Promise<number> {
    return (await this.send('PUT', path, token ? { If: this.#if(token) } : {}, content)).status;
  }

  /** W2, in eight steps; `early`: the content before the first attributes, as Windows 7 sends it. */
  async copyIn(path: string, content: string | Buffer, { attributes = '00000020', early = false } = {}): Promise<void> {
    assert.equal(await this.exists(path), false);
    assert.equal(await this.put(path, ''), 201);
    const token = await this.lock(path);
    if (early) assert.equal(await this.put(path, content, token), 204);
    await this.attributes(path, win32.copied(), token);
    const head = await this.send('HEAD', path);
    assert.deepEqual([head.status, head.headers['content-length']], [200, String(early ? content.length : 0)]);
    if (!early) assert.equal(await this.put(path, content, token), 204);
    await this.attributes(path, win32.saved(attributes), token);
    await this.unlock(path, token);
  }

  move(path: string, target: string, overwrite: 'T' | 'F', host = `127.0.0.1:${this.#server.port}`): Promise<Answer> {
    return this.send('MOVE', path, { Destination: `http://${host}${target}`, Overwrite: overwrite });
  }

  #if(token: string): string {
    return this.#dress.ifHeader?.(token) ?? `(<${token}>)`;
  }

  #dressed(xml: string): string | Buffer {
    return this.#dress.body?.(xml) ?? xml;
  }
}
