/** The commands' side of the control socket. */
import { connect, type Socket } from 'node:net';
import { asDriveError, DriveError, type ErrorData } from '../core/errors.js';
import type { DriveEvent, Progress } from '../drive-contract.js';
import {
  type ControlMessage,
  type ControlMethod,
  type ControlMethods,
  messageLimitBytes,
  type ServerFacts,
} from '../server/control-protocol.js';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly onEvent?: ((event: DriveEvent) => void) | undefined;
}

/** undefined when no server listens: nothing there, or only the socket file of one that crashed. */
export function connectControl(address: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR')
        return resolve(undefined);
      reject(notReachable(address, error));
    });
  });
}

function notReachable(address: string, cause: NodeJS.ErrnoException): DriveError {
  const denied = cause.code === 'EACCES' || cause.code === 'EPERM';
  return new DriveError(denied ? 'FORBIDDEN' : 'UNAVAILABLE', {
    message: `the control socket ${address} does not let this command in (${cause.code ?? cause.message})`,
    hint: denied
      ? 'run the command as the account that owns the volume and runs its server'
      : 'look who holds this file, then try again',
    cause,
  });
}

/** A running server's drive; each call is a connection of its own. */
export class ControlClient {
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  /** undefined when no server answers at `address`. */
  static async find(address: string): Promise<{ client: ControlClient; facts: ServerFacts } | undefined> {
    const socket = await connectControl(address);
    if (!socket) return undefined;
    return { client: new ControlClient(address), facts: await converse(socket, 'server', {}) };
  }

  /** The method's own errors; UNAVAILABLE when the server ends before it answers; ABORTED. */
  async call<M extends ControlMethod>(
    method: M,
    parameters: ControlMethods[M]['parameters'],
    options: CallOptions = {},
  ): Promise<ControlMethods[M]['result']> {
    const socket = await connectControl(this.#address);
    if (!socket) throw ended();
    return converse(socket, method, parameters, options);
  }
}

async function converse<M extends ControlMethod>(
  socket: Socket,
  method: M,
  parameters: ControlMethods[M]['parameters'],
  { signal, onProgress, onEvent }: CallOptions = {},
): Promise<ControlMethods[M]['result']> {
  const leave = () => socket.destroy();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    if (signal?.aborted) throw new DriveError('ABORTED');
    socket.write(`${JSON.stringify({ method, parameters })}\n`);
    for await (const line of readLines(socket)) {
      const message = JSON.parse(line) as ControlMessage;
      if ('progress' in message) onProgress?.(message.progress);
      else if ('event' in message) onEvent?.(message.event);
      else if ('result' in message) return message.result as ControlMethods[M]['result'];
      else if ('error' in message) throw DriveError.fromData(message.error as ErrorData);
    }
    throw ended();
  } catch (error) {
    if (signal?.aborted) throw new DriveError('ABORTED', { cause: error });
    throw error instanceof DriveError ? error : ended(error);
  } finally {
    signal?.removeEventListener('abort', leave);
    socket.destroy();
  }
}

async function* readLines(socket: Socket): AsyncGenerator<string> {
  socket.setEncoding('utf8');
  let rest = '';
  for await (const piece of socket as AsyncIterable<string>) {
    rest += piece;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > messageLimitBytes) throw asDriveError('a line of the server is too long');
  }
}

function ended(cause?: unknown): DriveError {
  return new DriveError('UNAVAILABLE', {
    message: 'the server ended before it answered',
    hint: 'run the command again',
    cause,
  });
}
