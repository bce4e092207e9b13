/** Node's HTTP server in front of the WebDAV frame, with limits, screening, logins and an orderly end. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Clock, systemClock } from '../core/clock.js';
import { asDriveError, DriveError } from '../core/errors.js';
import { systemRandom } from '../core/random.js';
import { limits } from '../http/limits.js';
import { refusal } from '../http/status.js';
import { DavServer } from '../webdav/dav-server.js';
import { type AnswersUnderWay, refuseBytes } from './connections/client-errors.js';
import { ConnectionCounts } from './connections/connection-counts.js';
import { watchFirstBytes } from './connections/first-byte.js';
import { IdleSweeper } from './connections/idle-sweeper.js';
import { LateAnswers } from './connections/late-answers.js';
import { lingerOn } from './connections/linger.js';
import { Doorkeeper, type UserSource } from './doorkeeper.js';
import { isLoopbackHost, type OwnHost, ownHosts } from './host-rules.js';
import { screenRequest } from './request-screen.js';
import type { StartServerOptions, TlsMaterial } from './start-server.js';

const defaultDrainMs = 10_000;
/** More than any household; each open connection costs some 10 KiB. */
const maximumConnections = 512;
/** No client of a drive pipelines; whoever sends this many requests without reading an answer means no good. */
const maximumPipelined = 100;
const httpOptions = {
  maxHeaderSize: limits.headerBytes,
  // An upload may take hours; the sweeper looks after those that have stopped.
  requestTimeout: 0,
  headersTimeout: 20_000,
  connectionsCheckingInterval: 5_000,
  // Finder and Explorer come back to a connection after a minute; a server that closes it just then loses a request.
  keepAliveTimeout: 75_000,
} as const;
const tlsOptions = { minVersion: 'TLSv1.2', handshakeTimeout: 20_000 } as const;

/** What the `Expect` header asks for. */
type Expectation = 'nothing' | 'continue' | 'unknown';

/** The requests of one connection, in order. */
type Line = { -readonly [key in keyof AnswersUnderWay]: AnswersUnderWay[key] };

export class Listener {
  readonly #clock: Clock;
  readonly #dav: DavServer;
  readonly #sweeper: IdleSweeper;
  readonly #lateAnswers: LateAnswers;
  readonly #isOwnHost: OwnHost;
  readonly #doorkeeper: Doorkeeper | undefined;
  readonly #drainMs: number;
  readonly #server: Server | TlsServer;
  readonly #lines = new WeakMap<Socket, Line>();
  #closing: Promise<void> | undefined;

  constructor(options: StartServerOptions) {
    const { volumes, allowedHosts = [], onEvent, clock = systemClock, drainMs = defaultDrainMs, tls, users } = options;
    this.#clock = clock;
    this.#drainMs = drainMs;
    this.#isOwnHost = ownHosts(allowedHosts);
    this.#sweeper = new IdleSweeper(clock);
    this.#lateAnswers = new LateAnswers(clock);
    this.#dav = new DavServer(volumes, {
      adaptations: options.adaptations,
      isOwnHost: (hostname, request) => this.#isOwnHost(hostname, request.socket.localAddress),
      linger: (request) => lingerOn(request, clock),
      report: (error, request) =>
        onEvent?.({ time: clock.now(), level: 'error', message: `${request}: ${error.code}: ${error.message}` }),
    });
    this.#doorkeeper = users && this.#hire(users, options);
    this.#server = tls
      ? createTlsServer({ ...httpOptions, ...tlsOptions, key: tls.key, cert: tls.certificate })
      : createServer(httpOptions);
    this.#server.maxHeadersCount = 0;
    this.#server.maxConnections = maximumConnections;
    const counts = new ConnectionCounts();
    if (tls) watchFirstBytes(this.#server, clock, (socket) => counts.admit(socket));
    else this.#server.prependListener('connection', (socket: Socket) => counts.admit(socket));
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

  useTls({ key, certificate }: TlsMaterial): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext({ ...tlsOptions, key, cert: certificate });
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
    // Bytes of a request behind one that ended its connection: it never was to run.
    if (!socket.writable) return;
    const line = this.#lines.get(socket) ?? { last: response, waiting: 0 };
    const { last } = line;
    line.last = response;
    if (last === response || last.closed) {
      this.#lines.set(socket, line);
      void this.#run(request, response, expected);
    } else if (line.waiting < maximumPipelined) {
      line.waiting += 1;
      last.once('close', () => {
        line.waiting -= 1;
        if (socket.writable) void this.#run(request, response, expected);
      });
    } else {
      socket.destroy();
    }
  }

  async #run(request: IncomingMessage, response: ServerResponse, expected: Expectation): Promise<void> {
    const expectsContinue = expected !== 'nothing';
    response.setHeader('Server', 'Holdfast');
    this.#sweeper.watch(request, response);
    if (this.#dav.readsInterimAnswers(request)) this.#lateAnswers.watch(request, response);
    if (this.#closing) response.setHeader('Connection', 'close');
    try {
      const target = screenRequest(request, this.#isOwnHost);
      if (expected === 'unknown') throw refusal(417, 'no expectation but 100-continue is known here');
      const asker = await this.#doorkeeper?.ask(request);
      if (asker && 'status' in asker) {
        await this.#dav.turnAway(request, response, { ...asker, expectsContinue });
      } else {
        const who = asker && { principal: asker.name, mayWrite: asker.mayWrite };
        await this.#dav.execute(request, response, { target, expectsContinue, ...who });
      }
    } catch (error) {
      await this.#dav.refuse(request, response, { error: asDriveError(error), expectsContinue });
    }
  }

  #hire(
    users: UserSource,
    { host = '127.0.0.1', volumes, tls, onEvent, random = systemRandom, allowedHosts = [] }: StartServerOptions,
  ): Doorkeeper {
    const clock = this.#clock;
    return new Doorkeeper({
      users,
      volumeId: volumes[0]!.id,
      isOpenWithoutUsers: isLoopbackHost(host) && allowedHosts.length === 0,
      isSecure: tls !== undefined,
      clock,
      random,
      knowsOnlyMd5: (request) => this.#dav.knowsOnlyMd5(request),
      onGuessing: (name, address) => {
        const message = `wrong passwords for ${JSON.stringify(name)} from ${address}: it has to wait now`;
        onEvent?.({ time: clock.now(), level: 'warning', message });
      },
    });
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
    await this.#doorkeeper?.close();
  }
}

function ignore(): void {}
