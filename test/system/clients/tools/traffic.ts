/**
 * Stands between a client and the server and notes each request with its answer, so that a test can say what a client
 * sent, and that nothing was answered with a server's error. Passes headers and bodies on as they are.
 */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import type { Workspace } from '../../tools/workspace.js';

export interface Exchange {
  readonly method: string;
  /** As sent, percent-encoded. */
  readonly target: string;
  readonly requestHeaders: Readonly<Record<string, string | string[] | undefined>>;
  /** 0 until the answer has begun, or if it never did. */
  status: number;
}

export class Traffic {
  /** The drive's root through this recorder, with a slash at the end. */
  readonly url: string;
  readonly exchanges: readonly Exchange[];

  private constructor(url: string, exchanges: readonly Exchange[]) {
    this.url = url;
    this.exchanges = exchanges;
  }

  static async record(workspace: Workspace, driveUrl: string): Promise<Traffic> {
    const exchanges: Exchange[] = [];
    const agent = new Agent({ keepAlive: true });
    const handle = (incoming: IncomingMessage, answer: ServerResponse): void => {
      const { method = '', url: target = '', headers: requestHeaders } = incoming;
      const exchange: Exchange = { method, target, requestHeaders, status: 0 };
      exchanges.push(exchange);
      passOn(incoming, answer, { url: new URL(driveUrl), agent, exchange });
    };
    const recorder = createServer({ requestTimeout: 0, keepAliveTimeout: 120_000 }, handle);
    recorder.on('checkContinue', handle);
    recorder.listen(0, '127.0.0.1');
    await once(recorder, 'listening');
    workspace.defer(async () => {
      recorder.closeAllConnections();
      recorder.close();
      agent.destroy();
    });
    const url = new URL(driveUrl);
    url.port = String((recorder.address() as AddressInfo).port);
    return new Traffic(url.href, exchanges);
  }

  /** What was sent since the exchange with this index, as `METHOD target status`. */
  linesSince(index = 0): string[] {
    return this.exchanges.slice(index).map(({ method, target, status }) => `${method} ${target} ${status}`);
  }

  /** How often each method was sent since the exchange with this index. */
  count(method: string, index = 0): number {
    return this.exchanges.slice(index).filter((exchange) => exchange.method === method).length;
  }

  /** Exchanges that no client should meet while all is well: errors of the server, and answers that never came. */
  troubles(): string[] {
    return this.linesSince().filter((line) => / (0|5\d\d)$/.test(line));
  }
}

interface Onward {
  readonly url: URL;
  readonly agent: Agent;
  readonly exchange: Exchange;
}

/** Node would send the empty body of a request without a length in chunks, which no client did. */
function withLength({ headers, rawHeaders, method = '' }: IncomingMessage): readonly string[] {
  const isFramed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return isFramed || ['GET', 'HEAD'].includes(method) ? rawHeaders : [...rawHeaders, 'Content-Length', '0'];
}

function passOn(incoming: IncomingMessage, answer: ServerResponse, { url, agent, exchange }: Onward): void {
  const outgoing = request({
    host: url.hostname,
    port: url.port,
    agent,
    method: exchange.method,
    path: exchange.target,
    headers: withLength(incoming),
    setHost: false,
  });
  outgoing.on('continue', () => answer.writeContinue());
  outgoing.on('response', (response) => {
    exchange.status = response.statusCode ?? 0;
    answer.writeHead(exchange.status, response.statusMessage, response.rawHeaders);
    pipeline(response, answer, () => {});
  });
  // Either end that breaks off breaks the other one: a client must see the cut that it would see without this.
  outgoing.on('error', () => answer.destroy());
  pipeline(incoming, outgoing, () => {});
  answer.on('close', () => {
    if (!answer.writableFinished) outgoing.destroy();
  });
}
