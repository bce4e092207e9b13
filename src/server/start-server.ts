/** Starts the listener, unless that would leave the drive open to others; and says where it is. */
import { type Clock, systemClock } from '../core/clock.js';
import { DriveError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { AdaptationSwitches } from '../webdav/client-profiles.js';
import type { Volume } from '../webdav/dav-server.js';
import { type AnnouncementOptions, announce } from './announcement.js';
import type { UserSource } from './doorkeeper.js';
import { isLoopbackHost } from './host-rules.js';
import { Listener } from './listener.js';

export interface ServerEvent {
  readonly time: number;
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
}

/** PEM. */
export interface TlsMaterial {
  readonly key: string;
  readonly certificate: string;
}

export interface StartServerOptions {
  readonly volumes: readonly Volume[];
  /** Default 127.0.0.1. What other machines can reach needs users, and TLS unless `isInsecureAllowed`. */
  readonly host?: string | undefined;
  /** 0: any free one. Default 4918. */
  readonly port?: number | undefined;
  /** Host names beside the loopback ones that requests may carry (a proxy in front): then nobody is let in without users. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Who may use the first volume. Without any, everybody on this computer may. Default: nobody is asked. */
  readonly users?: UserSource | undefined;
  readonly tls?: TlsMaterial | undefined;
  /** Plain HTTP to other machines; they log in by Digest. */
  readonly isInsecureAllowed?: boolean | undefined;
  /** Tells the local network by DNS-SD, or a single listener; never of what only this computer reaches. */
  readonly announces?: boolean | AnnouncementOptions['hearer'];
  /** Switches answers off that certain clients need (webdav/client-profiles.ts). Default: all on. */
  readonly adaptations?: AdaptationSwitches | undefined;
  readonly onEvent?: ((event: ServerEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** How long `close` waits for running requests before it cuts them. */
  readonly drainMs?: number | undefined;
}

export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port/`, or `https`. */
  readonly url: string;
  /** For connections from now on. */
  useTls(material: TlsMaterial): void;
  /** Takes no new requests, lets running ones finish (at most `drainMs`), closes everything. Idempotent. */
  close(): Promise<void>;
}

const defaultPort = 4918;

/** USAGE: other machines could reach the drive without a password, or in plain text; or the port cannot be had. */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = defaultPort, volumes, clock = systemClock, onEvent } = options;
  if (isLoopbackHost(host)) await requireUsersBehindProxy(options);
  else await requireProtection(host, options);
  const listener = new Listener(options);
  const address = await listener.listen(host, port).catch(async (error: unknown) => {
    await listener.close();
    throw error;
  });
  const isSecure = options.tls !== undefined;
  const onTrouble = (message: string) => onEvent?.({ time: clock.now(), level: 'warning', message });
  const hearer = typeof options.announces === 'object' ? options.announces : undefined;
  const silence =
    options.announces && !isLoopbackHost(host)
      ? await announce({ name: volumes[0]!.name, port: address.port, isSecure }, { clock, onTrouble, hearer })
      : undefined;
  let closing: Promise<void> | undefined;
  const shown = address.address.includes(':') ? `[${address.address}]` : address.address;
  return {
    address: { host: address.address, port: address.port },
    url: `${isSecure ? 'https' : 'http'}://${shown}:${address.port}/`,
    useTls: (material) => listener.useTls(material),
    close: () => {
      closing ??= Promise.all([silence?.(), listener.close()]).then(() => undefined);
      return closing;
    },
  };
}

/** USAGE. Names of this machine for others mean that a proxy brings their requests here. */
async function requireUsersBehindProxy({ users, allowedHosts = [] }: StartServerOptions): Promise<void> {
  if (allowedHosts.length === 0 || !users || (await users.list()).length > 0) return;
  throw new DriveError('USAGE', {
    message: `${allowedHosts[0]} is a name for other machines, and the drive has no users yet`,
    hint: 'add one first: holdfast user add DIR NAME',
  });
}

/** USAGE. What other machines reach is guarded by passwords, and the passwords by TLS or by Digest. */
async function requireProtection(host: string, { users, tls, isInsecureAllowed }: StartServerOptions): Promise<void> {
  if (!users || (await users.list()).length === 0) {
    throw new DriveError('USAGE', {
      message: `${host} can be reached by other machines, and the drive has no users yet`,
      hint: 'add one first: holdfast user add DIR NAME',
    });
  }
  if (!tls && !isInsecureAllowed) {
    throw new DriveError('USAGE', {
      message: `${host} can be reached by other machines, and without TLS everybody on the way reads along`,
      hint: 'serve with TLS, or say --insecure-http if the network is all yours',
    });
  }
}
