/**
 * Opens a volume, serves it until asked to stop, and closes everything in reverse order, whatever happens in between.
 * The control socket is placed while the volume lock is held, so two servers never fight for it.
 */
import { isIPv4 } from 'node:net';
import { DriveError } from '../core/errors.js';
import type { Drive, DriveEvent } from '../drive-contract.js';
import type { ServerFacts } from '../server/control-protocol.js';
import { ControlServer } from '../server/control-server.js';
import type { CommandContext, RunningServer, ServerOptions } from './command-context.js';
import { placeControlSocket } from './control-socket.js';
import { formatTime, printable } from './output/format.js';
import type { Terminal } from './output/terminal.js';

export const defaultHost = '127.0.0.1';
export const defaultPort = 4918;

export interface ServeOptions {
  /** Absolute. */
  readonly directory: string;
  readonly host: string;
  /** Tried in this order, each only when the one before is taken. */
  readonly ports: readonly number[];
  readonly healGraceMs?: number | undefined;
  /** Called once, when clients can connect. */
  readonly onReady: (facts: ServerFacts) => void;
}

/** Resolves after a clean stop. USAGE, IN_USE and the errors of opening. */
export async function serveVolume(context: CommandContext, options: ServeOptions): Promise<void> {
  requireLoopback(options.host);
  const { directory, healGraceMs } = options;
  const address = context.platform.controlAddress(directory);
  const onEvent = (event: DriveEvent) => context.terminal.note(renderEvent(event, context.terminal));
  const drive = await context.access.openDrive({ directory, healGraceMs, onEvent });
  try {
    if (context.stop.aborted) return;
    const server = await startOnFreePort(context, { drive, onEvent, host: options.host, ports: options.ports });
    try {
      await serveUntilStopped(context, { drive, server, address, onReady: options.onReady });
    } finally {
      await server.close();
    }
  } finally {
    await drive.close();
  }
}

/** USAGE for anything but this machine: there are no users yet, so whoever can connect can read and delete. */
export function requireLoopback(host: string): void {
  const isLoopback = host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
  if (isLoopback) return;
  throw new DriveError('USAGE', {
    message: `${host} can be reached by other machines, and the drive has no users and passwords yet`,
    hint: `leave --host away, and reach it from elsewhere through a tunnel: ssh -L ${defaultPort}:127.0.0.1:${defaultPort} THIS-MACHINE`,
  });
}

async function serveUntilStopped(
  context: CommandContext,
  options: {
    readonly drive: Drive;
    readonly server: RunningServer;
    readonly address: string;
    readonly onReady: (facts: ServerFacts) => void;
  },
): Promise<void> {
  const { drive, server, address } = options;
  const { name } = drive.volume;
  const facts = { volumeName: name, url: driveUrl(server.address, name), processId: process.pid };
  const control = new ControlServer({ drive, facts, clock: context.clock });
  const removeSocket = await placeControlSocket(control.listener, { address, platform: context.platform });
  try {
    options.onReady(facts);
    await fired(context.stop);
  } finally {
    await removeSocket();
    await control.close();
  }
}

async function startOnFreePort(
  context: CommandContext,
  options: Omit<ServerOptions, 'port'> & { readonly ports: readonly number[] },
): Promise<RunningServer> {
  const { ports, ...rest } = options;
  for (const port of ports) {
    try {
      return await context.startServer({ ...rest, port });
    } catch (error) {
      if (!isPortTaken(error)) throw error;
    }
  }
  const [first, last] = [ports[0], ports.at(-1)];
  throw new DriveError('IN_USE', {
    message:
      first === last ? `port ${first} is taken by another program` : `the ports ${first} to ${last} are all taken`,
    hint: 'choose another one with --port NUMBER (0: any free one), or stop the program that has it',
  });
}

function isPortTaken(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'EADDRINUSE') return true;
  }
  return false;
}

function driveUrl({ host, port }: RunningServer['address'], name: string): string {
  const authority = host.includes(':') ? `[${host}]` : host;
  return `http://${authority}:${port}/${encodeURIComponent(name)}/`;
}

const levelTones = { info: 'faint', warning: 'warning', error: 'bad' } as const;

/** `14:03:59  warning  node disk-2 is offline: ...` */
export function renderEvent(event: DriveEvent, terminal: Terminal): string {
  const level = terminal.styleNote(levelTones[event.level], event.level.padEnd(7));
  return `${formatTime(event.time)}  ${level}  ${printable(event.message)}`;
}

/** The error when a server of this volume runs already. */
export function alreadyServed(facts: ServerFacts): DriveError {
  return new DriveError('IN_USE', {
    message: `a server for this volume runs already, at ${facts.url} (process ${facts.processId})`,
    hint: 'use the drive there, or stop that server first (Ctrl-C in its window)',
  });
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
