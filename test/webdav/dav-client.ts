/**
 * A plain HTTP client for tests: sends what it is told, header order included, and returns the whole answer. Whatever
 * comes back as a 207 is judged by the client models before the test sees it.
 */
import {
  type Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import {
  type RunningServer,
  type ServerEvent,
  type StartServerOptions,
  startServer,
} from '../../src/server/start-server.js';
import type { Volume } from '../../src/volume/volume.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { judgeMultistatus } from './oracles.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Sent {
  readonly headers?: OutgoingHttpHeaders;
  /** An array is sent in chunks (chunked coding unless there is a Content-Length). */
  readonly body?: string | Buffer | readonly (string | Buffer)[];
  /** Default: a connection for each request. */
  readonly agent?: Agent;
  /** Names in the answer that Windows could not use, where a test puts them there on purpose. */
  readonly unusableForWindows?: readonly string[];
}

export interface TestServer<V extends Volume = MemoryVolume> {
  readonly volume: V;
  readonly server: RunningServer;
  readonly events: ServerEvent[];
  readonly port: number;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
}

/** A server on a free port with an empty volume `home`, closed when the test ends. */
export async function serve(test: TestContext, options: Partial<StartServerOptions> = {}): Promise<TestServer> {
  const served = await serveVolume(new MemoryVolume('home'), options);
  test.after(() => served.server.close());
  return served;
}

/** The caller closes the server. */
export async function serveVolume<V extends Volume>(
  volume: V,
  options: Partial<StartServerOptions> = {},
): Promise<TestServer<V>> {
  const events: ServerEvent[] = [];
  const server = await startServer({ volumes: [volume], port: 0, onEvent: (event) => events.push(event), ...options });
  const { port } = server.address;
  return { volume, server, events, port, send: (method, path, sent) => send(port, method, path, sent, volume) };
}

/** `volume`: what is served there, so that listings can be compared with it. */
export async function send(
  port: number,
  method: string,
  path: string,
  sent: Sent = {},
  volume?: Volume,
): Promise<Answer> {
  const answer = await exchangeWhole(port, method, path, sent);
  if (answer.status === 207) await judgeMultistatus({ method, path, sent, answer, volume });
  return answer;
}

export function exchangeWhole(port: number, method: string, path: string, sent: Sent): Promise<Answer> {
  const { headers = {}, body, agent = false } = sent;
  return new Promise((resolve, reject) => {
    const parts = body === undefined ? [] : Array.isArray(body) ? body : [body as string | Buffer];
    const whole = body !== undefined && !Array.isArray(body);
    const length = whole ? { 'Content-Length': Buffer.byteLength(parts[0] as string | Buffer) } : {};
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...length, ...headers },
      agent,
    });
    request.on('error', reject);
    request.on('response', (response) => collect(response).then(resolve, reject));
    for (const part of parts) request.write(part);
    request.end();
  });
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  const body = Buffer.concat(parts);
  return { status: response.statusCode!, headers: response.headers, body, text: body.toString() };
}

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes as they are; resolves with the first complete answer (interim ones skipped) or when the server closes. */
export function exchange(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    const finish = (): void => {
      socket.destroy();
      resolve(parseAnswer(received)?.answer ?? { status: 0, head: '', body: '' });
    };
    socket.on('data', (part) => {
      received = Buffer.concat([received, part]);
      if (parseAnswer(received)?.complete) finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
    socket.write(bytes);
  });
}

function parseAnswer(received: Buffer): { readonly answer: RawAnswer; readonly complete: boolean } | undefined {
  const text = received.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  if (status === 100) return parseAnswer(received.subarray(end + 4));
  const body = text.slice(end + 4);
  const length = /^content-length: (\d+)$/im.exec(head);
  const complete = status === 204 || status === 304 || (length !== null && body.length >= Number(length[1]));
  return { answer: { status, head, body }, complete };
}
