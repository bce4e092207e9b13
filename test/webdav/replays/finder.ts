/**
 * Finder, as webdavfs speaks for it: the requests, headers and bodies that macOS sends, in their order, and what it does
 * with the answers. What each step needs back is asserted here.
 */
import assert from 'node:assert/strict';
import { Agent, type OutgoingHttpHeaders } from 'node:http';
import type { Answer, Sent, TestServer } from '../dav-client.js';
import { type Listed, listed, type ParsedResponse, readMultistatus } from '../oracles.js';

type Body = NonNullable<Sent['body']>;

const declaration = '<?xml version="1.0" encoding="utf-8"?>\n';

function propfindBody(names: readonly string[], { apple = false } = {}): string {
  const inside = names.map((name) => `<D:${name}/>\n`).join('');
  const appleNamespace = apple ? ' xmlns:A="http://www.apple.com/webdav_fs/props/"' : '';
  const appleProperty = apple ? '<A:appledoubleheader/>\n' : '';
  return `${declaration}<D:propfind xmlns:D="DAV:">\n<D:prop${appleNamespace}>\n${inside}${appleProperty}</D:prop>\n</D:propfind>\n`;
}

const four = ['getlastmodified', 'getcontentlength', 'creationdate', 'resourcetype'];

export const finderBodies = {
  P4: propfindBody(four),
  P5: propfindBody(four, { apple: true }),
  PQ: propfindBody(['quota-available-bytes', 'quota-used-bytes', 'quota', 'quotaused']),
  PR: propfindBody(['resourcetype']),
  PE: propfindBody(['getlastmodified', 'getetag']),
  lock: (scope: 'exclusive' | 'shared') =>
    `${declaration}<D:lockinfo xmlns:D="DAV:">\n<D:lockscope><D:${scope}/></D:lockscope>\n<D:locktype><D:write/></D:locktype>\n` +
    '<D:owner>\n<D:href>http://www.apple.com/webdav_fs/</D:href>\n</D:owner>\n</D:lockinfo>\n',
};

const xml = { 'Content-Type': 'text/xml' };
const lockXml = { 'Content-Type': 'text/xml; charset="utf-8"' };

export class Finder {
  readonly #server: Pick<TestServer, 'send' | 'port'>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 6 });
  readonly #userAgent: string;

  constructor(
    t: { after(action: () => void): void },
    server: Pick<TestServer, 'send' | 'port'>,
    { darwin = '24.6.0' } = {},
  ) {
    this.#server = server;
    this.#userAgent = `WebDAVFS/3.0.0 (03008000) Darwin/${darwin} (arm64)`;
    t.after(() => this.#agent.destroy());
  }

  get userAgent(): string {
    return this.#userAgent;
  }

  send(method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: Body): Promise<Answer> {
    const all = { Accept: '*/*', ...headers, 'User-Agent': this.#userAgent, Connection: 'keep-alive' };
    return this.#server.send(method, path, { headers: all, agent: this.#agent, ...(body !== undefined && { body }) });
  }

  ask(path: string, body = finderBodies.P4, depth = '0'): Promise<Answer> {
    return this.send('PROPFIND', path, { ...xml, Depth: depth }, body);
  }

  /** What it knows of a path after a look-up; undefined for 404. */
  async lookUp(path: string): Promise<ParsedResponse | undefined> {
    const answer = await this.ask(path);
    if (answer.status === 404) {
      assert.equal(answer.body.length, 0);
      return undefined;
    }
    return readMultistatus(answer, path)[0];
  }

  async list(path: string, body = finderBodies.P4): Promise<Listed[]> {
    return listed(await this.ask(path, body, '1'), path);
  }

  /** A PUT without a body; the Date of the answer becomes the creation date. */
  async create(path: string): Promise<void> {
    const answer = await this.send('PUT', path, { 'Content-Length': 0 }, '');
    assert.equal(answer.status, 201, answer.text);
    assert.ok(answer.headers.date);
  }

  /** LOCK, as a file is opened for writing; of several tokens it would take the last one. */
  async open(path: string, scope: 'exclusive' | 'shared' = 'exclusive'): Promise<string> {
    const headers = { ...lockXml, Depth: '0', Timeout: 'Second-600' };
    const answer = await this.send('LOCK', path, headers, finderBodies.lock(scope));
    assert.equal(answer.status, 200, answer.text);
    return tokenIn(answer);
  }

  /** Every 300 s while it is open. */
  async refresh(path: string, token: string): Promise<void> {
    const headers = { ...xml, If: `(<${token}>)`, Depth: '0', Timeout: 'Second-600' };
    const answer = await this.send('LOCK', path, headers);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(tokenIn(answer), token);
  }

  async save(path: string, token: string, content: string | Buffer): Promise<Answer> {
    const answer = await this.send('PUT', path, { If: `(<${token}>)` }, content);
    assert.equal(answer.status, 204, answer.text);
    assert.ok(answer.headers.etag && answer.headers['last-modified']);
    return answer;
  }

  async close(path: string, token: string): Promise<void> {
    const answer = await this.send('UNLOCK', path, { 'Lock-Token': `<${token}>` });
    assert.equal(answer.status, 204, answer.text);
  }

  /** Folders with a slash at the end of the path and none at the end of the target; one If line for each token. */
  rename(path: string, target: string, tokens: readonly string[] = []): Promise<Answer> {
    const Destination = `http://127.0.0.1:${this.#server.port}${target}`;
    const held = tokens.map((token) => `(<${token}>)`);
    return this.send('MOVE', path, { Destination, ...(held.length > 0 && { If: held }) });
  }

  /** Whether it takes a folder for empty. */
  async isEmpty(path: string): Promise<boolean> {
    const { text } = await this.ask(path, finderBodies.PR, '1');
    return text.match(/<D:href>/g)?.length === 1;
  }
}

function tokenIn(answer: Answer): string {
  assert.match(answer.text, /<D:lockdiscovery><D:activelock>/);
  const tokens = [...answer.text.matchAll(/<D:locktoken><D:href>([^<]*)<\/D:href>/g)];
  assert.equal(tokens.length, 1);
  return tokens[0]![1]!;
}
