/**
 * The server's side of the control socket. It answers on sockets it is given; who may connect is decided where the
 * socket is placed (cli/control-socket.ts). Input is untrusted in form: whatever is malformed gets BAD_REQUEST.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../core/clock.js';
import { asDriveError, DriveError } from '../core/errors.js';
import type { Drive, Progress } from '../drive-contract.js';
import { diskHandlers } from './control-disks.js';
import { parseParameters } from './control-parameters.js';
import { proofHandlers } from './control-proofs.js';
import {
  type ControlMessage,
  type ControlMethod,
  type ControlMethods,
  requestLimitBytes,
  type ServerFacts,
} from './control-protocol.js';

export type ControlledDrive = Pick<
  Drive,
  | 'users'
  | 'protection'
  | 'disks'
  | 'notices'
  | 'proofs'
  | 'status'
  | 'check'
  | 'rehearse'
  | 'listAttics'
  | 'restoreFromAttics'
  | 'addNode'
  | 'removeNode'
  | 'events'
  | 'onEvent'
>;

/** A client that has not sent its request this long after connecting is dropped. */
const silenceMs = 10_000;
/** Commands are few; more at once is a mistake somewhere. */
const connectionLimit = 64;
/** A follower of events that does not read loses its connection rather than costing memory. */
const backlogLimitBytes = 1024 * 1024;

interface Call {
  readonly drive: ControlledDrive;
  readonly facts: ServerFacts;
  readonly signal: AbortSignal;
  readonly send: (message: ControlMessage) => void;
  readonly onProgress: (progress: Progress) => void;
}

type Handlers = {
  readonly [M in ControlMethod]: (
    parameters: ControlMethods[M]['parameters'],
    call: Call,
  ) => Promise<ControlMethods[M]['result']>;
};

const handlers: Handlers = {
  ...diskHandlers,
  ...proofHandlers,
  server: async (_, { facts }) => facts,
  status: (_, { drive }) => drive.status(),
  check: ({ readData }, { drive, signal, onProgress }) => drive.check({ readData, signal, onProgress }),
  rehearse: (_, { drive, signal }) => drive.rehearse({ signal }),
  listAttics: (_, { drive }) => drive.listAttics(),
  restoreFromAttics: (parameters, { drive, signal }) => drive.restoreFromAttics({ ...parameters, signal }),
  addNode: (parameters, { drive }) => drive.addNode(parameters),
  removeNode: async (parameters, { drive }) => {
    await drive.removeNode(parameters);
    return {};
  },
  listUsers: async (_, { drive }) => (await drive.users.list()).map(({ name, rights }) => ({ name, rights })),
  changeUser: async (parameters, { drive }) => {
    await drive.users.change(parameters);
    return {};
  },
  listProtection: (_, { drive }) => drive.protection.list(),
  protect: async (parameters, { drive }) => {
    await drive.protection.set(parameters);
    return {};
  },
  events: async ({ follow }, { drive, signal, send }) => {
    for (const event of drive.events()) send({ event });
    if (!follow) return {};
    const unsubscribe = drive.onEvent((event) => send({ event }));
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    unsubscribe();
    return {};
  },
};

export class ControlServer {
  readonly #drive: ControlledDrive;
  readonly #facts: ServerFacts;
  readonly #clock: Clock;
  readonly #connections = new Map<Socket, Connection>();
  /** To be placed and listened on by the caller. */
  readonly listener: Server;

  constructor(options: { readonly drive: ControlledDrive; readonly facts: ServerFacts; readonly clock: Clock }) {
    this.#drive = options.drive;
    this.#facts = options.facts;
    this.#clock = options.clock;
    this.listener = createServer((socket) => this.#accept(socket));
    this.listener.maxConnections = connectionLimit;
  }

  /** Cancels what can be cancelled, waits for the rest to be answered. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.listener.listening) this.listener.close(() => resolve());
      else resolve();
    });
    await Promise.all([...this.#connections.values()].map((connection) => connection.finish()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this.#drive, this.#facts);
    this.#connections.set(socket, connection);
    const cancel = this.#clock.schedule(silenceMs, () => connection.dropIfSilent());
    socket.once('close', () => {
      cancel();
      this.#connections.delete(socket);
    });
  }
}

/** One client, one request. */
class Connection {
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  readonly #call: Call;
  #request = '';
  #answer: Promise<void> | undefined;

  constructor(socket: Socket, drive: ControlledDrive, facts: ServerFacts) {
    this.#socket = socket;
    this.#call = {
      drive,
      facts,
      signal: this.#gone.signal,
      send: (message) => this.#send(message),
      onProgress: (progress) => this.#send({ progress }),
    };
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => this.#receive(piece));
    // A client that leaves is seen by its end, also in the midst of a long answer: the socket keeps being read.
    socket.on('end', () => this.#gone.abort());
    socket.on('close', () => this.#gone.abort());
    socket.on('error', () => socket.destroy());
  }

  dropIfSilent(): void {
    if (!this.#answer) this.#socket.destroy();
  }

  /** Resolves when a request under way has been answered. */
  async finish(): Promise<void> {
    this.#gone.abort();
    await this.#answer;
  }

  #receive(piece: string): void {
    if (this.#answer) return;
    this.#request += piece;
    const end = this.#request.indexOf('\n');
    if (end < 0 && this.#request.length <= requestLimitBytes) return;
    this.#answer = this.#respond(end < 0 ? '' : this.#request.slice(0, end));
  }

  async #respond(line: string): Promise<void> {
    try {
      const { method, parameters } = parseRequest(line);
      this.#send({ result: await dispatch(method, parameters, this.#call) });
    } catch (error) {
      this.#send({ error: asDriveError(error).toData() });
    }
    this.#socket.end();
  }

  #send(message: ControlMessage): void {
    if (!this.#socket.writable) return;
    if ('event' in message && this.#socket.writableLength > backlogLimitBytes) return void this.#socket.destroy();
    this.#socket.write(`${JSON.stringify(message)}\n`);
  }
}

function dispatch<M extends ControlMethod>(method: M, parameters: unknown, call: Call): Promise<unknown> {
  return handlers[method](parseParameters(method, parameters), call);
}

function parseRequest(line: string): { readonly method: ControlMethod; readonly parameters: unknown } {
  const request = parseJson(line);
  if (typeof request !== 'object' || request === null || !('method' in request)) {
    throw new DriveError('BAD_REQUEST', { message: 'a control request is one line of JSON: {method, parameters}' });
  }
  const { method } = request;
  if (typeof method !== 'string' || !Object.hasOwn(handlers, method)) {
    throw new DriveError('BAD_REQUEST', {
      message: `the running server does not know the control method ${JSON.stringify(method)}`,
      hint: 'stop the server and start it again, so that it runs the version of this command',
    });
  }
  return { method: method as ControlMethod, parameters: 'parameters' in request ? request.parameters : {} };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DriveError('BAD_REQUEST', { message: 'a control request is not valid JSON', cause });
  }
}
