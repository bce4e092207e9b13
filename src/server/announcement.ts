/**
 * Tells the local network that the drive is here (DNS-SD, RFC 6763), so that file managers list it by themselves. What it
 * says can be heard by everybody there: the volume's name, this machine's name and the port, nothing else.
 */
import type { EventEmitter } from 'node:events';
import type { ServiceConfig } from 'bonjour-service';
import type { Clock } from '../core/clock.js';
import { machineLabel } from './host-rules.js';

export interface Announced {
  /** Of the volume. */
  readonly name: string;
  readonly port: number;
  readonly isSecure: boolean;
}

export interface AnnouncementOptions {
  readonly clock: Clock;
  /** Why the network cannot be told, in words. That is no reason not to serve. */
  readonly onTrouble: (problem: string) => void;
  /** Who is told instead of the multicast group of DNS-SD; `binds`: at its own port, as with multicast. */
  readonly hearer?: { readonly ip: string; readonly port: number; readonly binds?: boolean } | undefined;
}

/** The network may be gone by then. */
const farewellMs = 2_000;
/** RFC 1035 section 2.3.4, and section 3.3 for one string of a TXT record: the library would send broken packets. */
const longestLabelBytes = 63;
const longestTextBytes = 255;

/** `_webdavs._tcp` for TLS, `_webdav._tcp` without. Returns what takes it back. */
export async function announce(
  { name, port, isSecure }: Announced,
  { clock, onTrouble, hearer }: AnnouncementOptions,
): Promise<() => Promise<void>> {
  const { Bonjour } = await import('bonjour-service');
  const bonjour = new Bonjour(socketOptions(hearer), () => undefined);
  // It tells nobody else that its port is taken, and the process would end of it.
  const { mdns } = (bonjour as unknown as { readonly server: { readonly mdns: EventEmitter } }).server;
  mdns.on('error', (error: Error) => onTrouble(`the local network is not told of the drive: ${error.message}`));
  const host = machineLabel();
  const path = `/${encodeURIComponent(name)}/`;
  bonjour.publish({
    name: cutTo(longestLabelBytes, `Holdfast: ${name} (${host})`),
    type: isSecure ? 'webdavs' : 'webdav',
    host: `${host}.local`,
    port,
    txt: Buffer.byteLength(`path=${path}`) > longestTextBytes ? {} : { path },
    // Names differ by their machine; when two are alike all the same, the library would only print so and give up.
    probe: false,
  });
  return async () => {
    const silenced = new Promise<void>((resolve) => {
      bonjour.unpublishAll(() => bonjour.destroy(() => resolve()));
    });
    await Promise.race([silenced, clock.sleep(farewellMs)]);
  };
}

function socketOptions(hearer: AnnouncementOptions['hearer']): Partial<ServiceConfig> {
  if (!hearer) return {};
  const { ip, port, binds = false } = hearer;
  return { ip, port, multicast: false, bind: binds && ip } as Partial<ServiceConfig>;
}

/** Never in the middle of a character. */
function cutTo(limitBytes: number, text: string): string {
  let cut = '';
  for (const character of text) {
    if (Buffer.byteLength(cut + character) > limitBytes) break;
    cut += character;
  }
  return cut;
}
