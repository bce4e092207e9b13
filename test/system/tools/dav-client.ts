/** A small WebDAV client over node:http that shows statuses and bytes as they are; each 207 is judged by the client models. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { judgeMultistatus } from '../../webdav/oracles.js';

export interface DavResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface DavRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces without `sizeBytes` go out in chunked encoding. */
  readonly body?: Buffer | Iterable<Buffer>;
  readonly sizeBytes?: number;
  readonly timeoutMs?: number;
}

export class DavClient {
  /** Ends with a slash. */
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.url = url;
  }

  /** `path` is decoded and relative to the drive. Rejects when no whole answer came. */
  async send(method: string, path: string, options: DavRequest = {}): Promise<DavResponse> {
    const pieces: Buffer[] = [];
    const { status, headers } = await this.stream(method, path, options, (piece) => pieces.push(piece));
    const response = { status, headers, body: Buffer.concat(pieces) };
    if (status === 207) {
      const { pathname } = new URL(this.hrefOf(path));
      await judgeMultistatus({ method, path: pathname, sent: { headers: options.headers ?? {} }, answer: response });
    }
    return response;
  }

  /** Hands the body over piece by piece, so that it may be of any size. */
  stream(
    method: string,
    path: string,
    options: DavRequest,
    onPiece: (piece: Buffer) => void,
  ): Promise<Omit<DavResponse, 'body'>> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = { ...options.headers };
      const body = options.body;
      const sizeBytes = Buffer.isBuffer(body) ? body.length : body === undefined ? 0 : options.sizeBytes;
      if (sizeBytes !== undefined && (body !== undefined || method === 'PUT')) headers['Content-Length'] = sizeBytes;
      const outgoing = request(this.hrefOf(path), { method, headers, agent: this.#agent });
      outgoing.setTimeout(options.timeoutMs ?? 180_000, () =>
        outgoing.destroy(new Error(`no answer: ${method} ${path}`)),
      );
      outgoing.once('error', reject);
      outgoing.once('response', (response) => {
        response.on('data', onPiece);
        response.once('error', reject);
        response.once('close', () => {
          if (!response.complete) return reject(new Error(`answer cut short: ${method} ${path}`));
          resolve({ status: response.statusCode ?? 0, headers: response.headers });
        });
      });
      writeBody(outgoing, Buffer.isBuffer(body) ? [body] : (body ?? [])).catch((error) => outgoing.destroy(error));
    });
  }

  hrefOf(path: string): string {
    return this.url + path.split('/').map(encodeURIComponent).join('/');
  }

  /** Decoded names of a folder's children; folders end with a slash. */
  async list(folder: string): Promise<string[]> {
    const { status, body } = await this.send('PROPFIND', folder, {
      headers: { Depth: '1', 'Content-Type': 'application/xml' },
      body: Buffer.from('<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>'),
    });
    if (status !== 207) throw new Error(`PROPFIND ${folder} answered ${status}: ${body}`);
    const own = new URL(this.hrefOf(folder)).pathname.replace(/\/*$/, '/');
    const hrefs = [...body.toString().matchAll(/<(?:\w+:)?href>([^<]*)<\/(?:\w+:)?href>/g)].map(
      (match) => match[1] ?? '',
    );
    const paths = hrefs.map((href) => new URL(href.replaceAll('&amp;', '&'), this.url).pathname);
    const names = paths.filter((path) => path.replace(/\/*$/, '/') !== own).map((path) => path.slice(own.length));
    return names.map((name) => decodeURIComponent(name)).sort();
  }

  /** undefined when nothing is there. */
  async get(path: string): Promise<Buffer | undefined> {
    const { status, body } = await this.send('GET', path);
    if (status === 200) return body;
    if (status === 404) return undefined;
    throw new Error(`GET ${path} answered ${status}: ${body.subarray(0, 500)}`);
  }

  /** For the steps of a test that must succeed. */
  async must(method: string, path: string, options: DavRequest = {}): Promise<DavResponse> {
    const response = await this.send(method, path, options);
    if (response.status >= 200 && response.status < 300) return response;
    throw new Error(`${method} ${path} answered ${response.status}: ${response.body.subarray(0, 500)}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function writeBody(outgoing: NodeJS.WritableStream, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) {
    if (!outgoing.write(piece)) {
      await new Promise<void>((resolve) => {
        const goOn = () => {
          outgoing.off('drain', goOn).off('close', goOn);
          resolve();
        };
        outgoing.on('drain', goOn).on('close', goOn);
      });
    }
    if ('destroyed' in outgoing && outgoing.destroyed) return;
  }
  outgoing.end();
}
