/**
 * Which host names are ours. A web page can make a browser ask any name that its owner lets point to this computer; a
 * foreign name in `Host` is therefore refused, or every page could use the drive of whoever looks at it.
 */
import { isIP, isIPv4 } from 'node:net';
import { hostname } from 'node:os';

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\]|::1)$/;

export function isLoopbackHost(hostname: string): boolean {
  return loopback.test(hostname.toLowerCase());
}

/** Of a peer, as a socket names it. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || plainAddress(address).startsWith('127.');
}

/** `localAddress`: where the connection arrived. To name that is to name this computer, and no page can choose it. */
export type OwnHost = (hostname: string, localAddress: string | undefined) => boolean;

/** `allowed`: names beside the loopback ones, without port. */
export function ownHosts(allowed: readonly string[]): OwnHost {
  const names = new Set(allowed.map((name) => name.toLowerCase()));
  return (hostname, localAddress) => {
    const name = hostname.toLowerCase();
    if (isLoopbackHost(name) || names.has(name)) return true;
    const address = name.replace(/^\[|\]$/g, '');
    return localAddress !== undefined && isIP(address) !== 0 && address === plainAddress(localAddress);
  };
}

/** An IPv4 address as such, also on a socket for both versions; without the zone of a link-local one. */
function plainAddress(address: string): string {
  const mapped = address.replace(/^::ffff:/i, '');
  return isIPv4(mapped) ? mapped : address.replace(/%.*$/, '').toLowerCase();
}

/** Names that this machine is known by in its own network. */
export function machineNames(): string[] {
  const name = hostname().toLowerCase();
  const label = machineLabel();
  return label === 'localhost' ? [] : [...new Set([name, `${label}.local`])];
}

/** The first part of this machine's name; multicast DNS finds it with `.local` behind. */
export function machineLabel(): string {
  const [label = ''] = hostname().toLowerCase().split('.', 1);
  return label === '' ? 'localhost' : label;
}
