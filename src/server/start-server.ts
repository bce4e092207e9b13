/** The listener: Node's HTTP server in front of the WebDAV frame, with limits, screening and an orderly end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../core/clock.js';
import { asDriveError, DriveError } from '../core/errors.js';
import { limits } from '../http/limits.js';
import { refusal } from '../http/status.js';
import type { AdaptationSwitches } from '../webdav/client-profiles.js';
import { DavServer, type Volume } from '../webdav/dav-server.js';
import { type AnswersUnderWay, refuseBytes } from './client-errors.js';
import { isLoopbackHost, ownHosts } from './host-rules.js';
import { IdleSweeper } from './idle-sweeper.js';
import { LateAnswers } from './late-answers.js';
import { lingerOn } from './linger.js';
import { screenRequest } from './request-screen.js';

export interface ServerEvent {
  readonly time: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
}

export interface StartServerOptions {
  readonly volumes: readonly Volume[];
  /** Default 127.0.0.1. Only loopback addresses: there are no users yet who could be asked for a password. */
  readonly host?: string | undefined;
  /** 0: any free one. Default 4918. */
  readonly port?: number | undefined;
  /** Host names beside the loopback ones that requests may carry (a proxy in front). */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Switches answers off that certain clients need (webdav/client-profiles.ts). Default: all on. */
  readonly adaptations?: AdaptationSwitches | undefined;
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
  /** How long `close` waits for running requests before it cuts them. */
  readonly drainMs?: number | undefined;
}

export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port/`. */
  readonly url: string;
  /** Takes no new requests, lets running ones finish (at most `drainMs`), closes everything. Idempotent. */
  close(): Promise<void>;
}

const defaultPort = 4918;
const defaultDrainMs = 10_000;
/** More than any household; each open connection costs some 10 KiB. */
const maximumConnections = 512;
/** No client of a drive pipelines; whoever sends this many requests without reading an answer means no good. */
const maximumPipelined = 100;

/** USAGE: the host is not a loopback one, or the port cannot be had. */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = defaultPort } = options;
  if (!isLoopbackHost(host)) {
    throw new DriveError('USAGE', {
      message: `the drive cannot be served on ${host} yet`,
      hint: 'there are no users and passwords yet, so only this computer may connect: use 127.0.0.1',
    });
  }
  const listener = new Listener(options);
  const address = await listener.listen(host, port);
  const shown = address.address.includes(':') ? `[${address.address}]` : address.address;
  return {
    address: { host: address.address, port: address.port },
    url: `http://${shown}:${address.port}/`,
    close: () => listener.close(),
  };
}

/** What the `Expect` header asks for. */
type Expectation = 'nothing' | 'continue' | 'unknown';

/** The requests of one connection, in order. */
type Line = { -readonly [key in keyof AnswersUnderWay]: AnswersUnderWay[key] };

class Listener {
  readonly #clock: Clock;
  readonly #dav: DavServer;
  readonly #sweeper: IdleSweeper;
  readonly #lateAnswers: LateAnswers;
  readonly #isOwnHost: (hostname: string) => boolean;
  readonly #drainMs: number;
  readonly #server: Server;
  readonly #lines = new WeakMap<Socket, Line>();
  #closing: Promise<void> | undefined;

  constructor(options: StartServerOptions) {
    const { volumes, allowedHosts = [], onEvent, clock = systemClock, drainMs = defaultDrainMs } = options;
    this.#clock = clock;
    this.#drainMs = drainMs;
    this.#isOwnHost = ownHosts(allowedHosts);
    this.#sweeper = new IdleSweeper(clock);
    this.#lateAnswers = new LateAnswers(clock);
    this.#dav = new DavServer(volumes, {
      adaptations: options.adaptations,
      linger: (request) => lingerOn(request, clock),
      report: (error, request) =>
        onEvent?.({ time: clock.now(), level: 'error', message: `${request}: ${error.code}: ${error.message}` }),
    });
    this.#server = createServer({
      maxHeaderSize: limits.headerBytes,
      // An upload may take hours; the sweeper looks after those that have stopped.
      requestTimeout: 0,
      headersTimeout: 20_000,
      connectionsCheckingInterval: 5_000,
      // Finder and Explorer come back to a connection after a minute; a server that closes it just then loses a request.
      keepAliveTimeout: 75_000,
    });
    this.#server.maxHeadersCount = 0;
    this.#server.maxConnections = maximumConnections;
    this.#server.on('request', (request, response) => this.#accept(request, response, 'nothing'));
    this.#server.on('checkContinue', (request, response) => this.#accept(request, response, 'continue'));
    this.#server.on('checkExpectation', (request, response) => this.#accept(request, response, 'unknown'));
    this.#server.on('clientError', (error, socket: Socket) => refuseBytes(error, socket, this.#lines.get(socket)));
  }

  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void => {
        const message = `cannot listen on ${host}, port ${port}: ${cause.message}`;
        reject(new DriveError('USAGE', { message, cause, hint: 'choose another port with --port' }));
      };
      this.#server.once('error', fail);
      this.#server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => {
        this.#server.off('error', fail);
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  /**
   * Requests of one connection run one after the other: Node would run pipelined ones at once, and also those behind a
   * request that is refused and ends its connection.
   */
  #accept(request: IncomingMessage, response: ServerResponse, expected: Expectation): void {
    // A peer that leaves makes both fail; the handlers learn of it from the body, from `drained` and from the signal.
    request.on('error', ignore);
    response.on('error', ignore);
    const { socket } = request;
    const line = this.#lines.get(socket) ?? { last: response, waiting: 0 };
    const { last } = line;
    line.last = response;
    if (last === response || last.closed) {
      this.#lines.set(socket, line);
      this.#run(request, response, expected);
    } else if (line.waiting < maximumPipelined) {
      line.waiting += 1;
      last.once('close', () => {
        line.waiting -= 1;
        if (socket.writable) this.#run(request, response, expected);
      });
    } else {
      socket.destroy();
    }
  }

  #run(request: IncomingMessage, response: ServerResponse, expected: Expectation): void {
    const expectsContinue = expected !== 'nothing';
    response.setHeader('Server', 'Holdfast');
    this.#sweeper.watch(request, response);
    if (this.#dav.readsInterimAnswers(request)) this.#lateAnswers.watch(request, response);
    if (this.#closing) response.setHeader('Connection', 'close');
    try {
      const target = screenRequest(request, this.#isOwnHost);
      if (expected === 'unknown') throw refusal(417, 'no expectation but 100-continue is known here');
      void this.#dav.execute(request, response, { target, expectsContinue });
    } catch (error) {
      void this.#dav.refuse(request, response, { error: asDriveError(error), expectsContinue });
    }
  }

  async #drain(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const { response } of this.#sweeper.running) {
      if (!response.headersSent) response.setHeader('Connection', 'close');
      response.once('close', () => this.#server.closeIdleConnections());
    }
    this.#server.closeIdleConnections();
    const cancel = this.#clock.schedule(this.#drainMs, () => this.#server.closeAllConnections());
    await closed;
    cancel();
    this.#sweeper.stop();
    this.#lateAnswers.stop();
  }
}

function ignore(): void {}
