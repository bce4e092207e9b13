/** From URIs of `Destination` and `If` to paths of a volume. */
import { refusal } from '../http/status.js';
import { decodeTargetPath } from '../http/target-path.js';
import type { EntryPath, Volume } from '../volume/volume.js';
import type { DavEnvironment } from './dav-context.js';

export interface Resolved {
  readonly volume: Volume;
  readonly path: EntryPath;
}

/**
 * KDE sends its own schemes; a proxy that ends TLS makes http of https, and most proxies change the host on the way in
 * but not in here. So only the path counts: for a MOVE to another server (RFC 4918 section 9.8.5, 502) there is no
 * client, while saves that fail behind a proxy are among the oldest complaints about WebDAV servers.
 */
const absoluteUri = /^(?:https?|webdavs?|davs?):\/\/([^/?#]*)([^?#]*)$/i;
const authority = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/i;

/** undefined: no volume of ours. Throws a 400 for what is no URI of the right form. */
export function resolveUri(uri: string, environment: DavEnvironment): Resolved | undefined {
  // Two Destination lines arrive joined by a comma and a space.
  if (/\s/.test(uri)) throw refusal(400, 'a URI of the request has a space');
  let path = uri;
  if (!uri.startsWith('/')) {
    const match = absoluteUri.exec(uri);
    if (!match || !authority.test(match[1]!)) throw refusal(400, 'a URI of the request is not valid');
    path = match[2] === '' ? '/' : match[2]!;
  } else if (uri.includes('?')) {
    throw refusal(400, 'a URI of the request has a query');
  }
  const [volumeName, ...names] = decodeTargetPath(path).names;
  const volume = volumeName === undefined ? undefined : environment.volumeNamed(volumeName);
  return volume && { volume, path: names };
}

/** Lower-case, without port. */
export function hostnameOf(host: string): string {
  return host.replace(/:\d*$/, '').toLowerCase();
}
