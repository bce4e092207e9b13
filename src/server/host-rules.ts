/**
 * Which host names are ours. A web page can make a browser ask any name that its owner lets point to 127.0.0.1; a
 * foreign name in `Host` is therefore refused, or every page could use the drive of whoever looks at it.
 */

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\]|::1)$/;

export function isLoopbackHost(hostname: string): boolean {
  return loopback.test(hostname.toLowerCase());
}

/** `allowed`: names beside the loopback ones, without port. */
export function ownHosts(allowed: readonly string[]): (hostname: string) => boolean {
  const names = new Set(allowed.map((name) => name.toLowerCase()));
  return (hostname) => isLoopbackHost(hostname) || names.has(hostname.toLowerCase());
}
