/**
 * One kept-alive connection, one request at a time, on a plain socket. node:http would cost the client more processor
 * time for a small request than the faster servers need to answer it, and client and server share the cores here: what
 * is measured would be the client. Bodies that are not kept go through one buffer and are only counted.
 */
import { connect, type Socket } from 'node:net';
import { type Answer, AnswerReader } from './answer-reader.js';

export interface Exchange {
  readonly method: string;
  /** Encoded, from the root. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A source sends its own pieces; its length is announced. */
  readonly body?: Buffer | BodySource;
  readonly isKept?: boolean;
}

export interface BodySource {
  readonly sizeBytes: number;
  /** Writes everything, waiting as the socket demands. */
  send(socket: Socket): Promise<void>;
}

export interface TimedAnswer extends Answer {
  /** From the request's first byte to the first and to the last byte of the answer. */
  readonly firstByteMs: number;
  readonly totalMs: number;
}

interface Waiting {
  readonly reader: AnswerReader;
  readonly startedAt: number;
  firstByteMs: number;
  readonly resolve: (answer: TimedAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** A peer that is silent so long has failed. */
const silenceMs = 120_000;
const readBufferBytes = 256 * 1024;

export class Connection {
  readonly #address: { readonly host: string; readonly port: number };
  #socket: Socket | undefined;
  #waiting: Waiting | undefined;

  /** Connects at the first request, and again after the server has closed it. */
  constructor(address: { readonly host: string; readonly port: number }) {
    this.#address = address;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async send(exchange: Exchange): Promise<TimedAnswer> {
    this.#socket ??= await this.#connect();
    const socket = this.#socket;
    const answer = new Promise<TimedAnswer>((resolve, reject) => {
      const reader = new AnswerReader({ isHead: exchange.method === 'HEAD', isKept: exchange.isKept === true });
      this.#waiting = { reader, startedAt: performance.now(), firstByteMs: 0, resolve, reject };
    });
    const sent = this.#write(socket, exchange);
    const [timed] = await Promise.all([answer, sent]);
    if (timed.headers.get('connection')?.toLowerCase() === 'close') this.close();
    return timed;
  }

  async #write(socket: Socket, { method, path, headers, body }: Exchange): Promise<void> {
    const lines = [`${method} ${path} HTTP/1.1`, `Host: ${this.#address.host}:${this.#address.port}`];
    for (const [name, value] of Object.entries(headers ?? {})) lines.push(`${name}: ${value}`);
    const sizeBytes = body === undefined ? 0 : 'send' in body ? body.sizeBytes : body.length;
    if (body !== undefined) lines.push(`Content-Length: ${sizeBytes}`);
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
    if (body === undefined) socket.write(head);
    else if ('send' in body) {
      socket.write(head);
      await body.send(socket);
    } else socket.write(Buffer.concat([head, body]));
  }

  #connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(readBufferBytes);
      const onread = {
        buffer,
        callback: (count: number) => {
          this.#onBytes(buffer.subarray(0, count));
          return true;
        },
      };
      const socket = connect({ ...this.#address, noDelay: true, onread }, () => resolve(socket));
      socket.setTimeout(silenceMs, () => socket.destroy(new Error(`no answer in ${silenceMs / 1000} s`)));
      socket.once('error', (error) => {
        reject(error);
        this.#fail(error);
      });
      socket.once('close', () => {
        if (this.#socket === socket) this.#socket = undefined;
        this.#fail(new Error('the server closed the connection before its answer was whole'));
      });
    });
  }

  #onBytes(bytes: Buffer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const elapsedMs = performance.now() - waiting.startedAt;
    waiting.firstByteMs ||= elapsedMs;
    try {
      const answer = waiting.reader.feed(bytes);
      if (answer === undefined) return;
      this.#waiting = undefined;
      waiting.resolve({ ...answer, firstByteMs: waiting.firstByteMs, totalMs: elapsedMs });
    } catch (error) {
      this.#fail(error as Error);
      this.close();
    }
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }
}
