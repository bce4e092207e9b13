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
 * KDE sends its own schemes, and a proxy that ends TLS makes http of https: scheme and port mean nothing. For the tags of
 * an If header only the path counts; a Destination must name this server too (RFC 4918 section 9.8.5).
 */
const absoluteUri = /^(?:https?|webdavs?|davs?):\/\/([^/?#]*)([^?#]*)$/i;
const authority = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{0,5})?$/i;

/** Lower-case, without port; undefined for a path. The URI was read by `resolveUri`. */
export function hostOfUri(uri: string): string | undefined {
  const match = absoluteUri.exec(uri);
  return match ? hostnameOf(match[1]!) : undefined;
}

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
