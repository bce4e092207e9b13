/**
 * Empty files at the root of a volume that only macOS sees, and only by name: they keep Spotlight from reading the whole
 * drive and Finder from loading pictures for their thumbnails. A stored entry of the same name goes before.
 */
import type { EntryRow } from '../volume/volume.js';
import type { DavContext } from './dav-context.js';

const markerNames: ReadonlySet<string> = new Set(['.metadata_never_index', '.ql_disablethumbnails']);

/** What lies at the request's path, markers included. */
export async function lookUp({ volume, path, profile }: DavContext): Promise<EntryRow | undefined> {
  const entry = await volume.stat(path);
  const [name] = path;
  if (entry || path.length !== 1 || !profile.showsMarkers || !markerNames.has(name!)) return entry;
  const root = await volume.stat([]);
  return root && { ...root, id: 0, parent: root.id, name: name!, kind: 'file', etag: 'marker', hasProperties: false };
}
