/**
 * Opens a volume, serves it until asked to stop, and closes everything in reverse order, whatever happens in between.
 * The control socket is placed while the volume lock is held, so two servers never fight for it.
 */
import { isIPv4 } from 'node:net';
import { type Certificate, nameFor } from '../config/tls/certificates.js';
import { DriveError } from '../core/errors.js';
import type { Drive, DriveEvent } from '../drive-contract.js';
import type { ServerFacts } from '../server/control-protocol.js';
import { ControlServer } from '../server/control-server.js';
import { machineNames } from '../server/host-rules.js';
import {
  type CertificateSource,
  findCertificate,
  type KeptCertificate,
  keepCertificate,
} from './certificates/served-certificate.js';
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
  /** Absent: plain HTTP. */
  readonly certificate?: Omit<CertificateSource, 'directory'> | undefined;
  /** Plain HTTP to other machines. */
  readonly isInsecureAllowed?: boolean | undefined;
  /** Names beside this machine's own that requests may carry. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly announces?: boolean | undefined;
  /** Called once, when clients can connect. */
  readonly onReady: (facts: ServerFacts, certificate: Certificate | undefined) => void;
}

/** Resolves after a clean stop. USAGE, IN_USE and the errors of opening. */
export async function serveVolume(context: CommandContext, options: ServeOptions): Promise<void> {
  const { directory, healGraceMs, host, ports, isInsecureAllowed, announces } = options;
  const source = options.certificate && { directory, ...options.certificate };
  const tls = source && (await findCertificate(context, source));
  const address = context.platform.controlAddress(directory);
  const onEvent = (event: DriveEvent) => context.terminal.note(renderEvent(event, context.terminal));
  const drive = await context.access.openDrive({ directory, healGraceMs, onEvent });
  try {
    if (context.stop.aborted) return;
    const allowedHosts = [...(isLoopback(host) ? [] : machineNames()), ...(options.allowedHosts ?? [])];
    const protection = { tls, isInsecureAllowed, allowedHosts, announces };
    const server = await startOnFreePort(context, { drive, onEvent, host, ports, ...protection });
    const kept = source && tls && keepCertificate(context, { source, first: tls, server, onEvent });
    try {
      await serveUntilStopped(context, { drive, server, address, kept, onReady: options.onReady });
    } finally {
      kept?.stop();
      await server.close();
    }
  } finally {
    await drive.close();
  }
}

/** Whether only this computer reaches what is served there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

async function serveUntilStopped(
  context: CommandContext,
  options: {
    readonly drive: Drive;
    readonly server: RunningServer;
    readonly address: string;
    readonly kept: KeptCertificate | undefined;
    readonly onReady: ServeOptions['onReady'];
  },
): Promise<void> {
  const { drive, server, address, kept } = options;
  const facts = factsOf(server.address, drive.volume.name, kept);
  const control = new ControlServer({ drive, facts, clock: context.clock });
  const removeSocket = await placeControlSocket(control.listener, { address, platform: context.platform });
  try {
    options.onReady(facts, kept?.current);
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

function factsOf(
  { host, port }: RunningServer['address'],
  volumeName: string,
  kept: KeptCertificate | undefined,
): ServerFacts {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const urlAt = (name: string): string => {
    const authority = name.includes(':') ? `[${name}]` : name;
    return `${kept ? 'https' : 'http'}://${authority}:${port}/${encodeURIComponent(volumeName)}/`;
  };
  const nearby = isEverywhere ? defaultHost : host;
  return {
    volumeName,
    url: urlAt(isEverywhere ? (machineNames().at(-1) ?? 'localhost') : host),
    localUrl: urlAt(kept ? nameFor(kept.current, nearby) : nearby),
    // A certificate may be exchanged while it is served.
    get fingerprint() {
      return kept?.current.fingerprint ?? null;
    },
    processId: process.pid,
  };
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
