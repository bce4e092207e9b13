/** Everything that a client can learn about a drive: names, all properties, all bytes; for comparison, not for reading. */
import { createHash } from 'node:crypto';
import { DavClient } from './dav-client.js';

/** By path from the drive's root; folders end with a slash. What differs from start to start is left out. */
export async function snapshotTree(url: string): Promise<Map<string, string>> {
  const dav = new DavClient(url);
  const snapshot = new Map<string, string>();
  await visit(dav, '', snapshot);
  dav.close();
  return new Map([...snapshot].sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function visit(dav: DavClient, folder: string, snapshot: Map<string, string>): Promise<void> {
  const { body } = await dav.must('PROPFIND', folder, { headers: { Depth: '1' } });
  const responses = body.toString().match(/<(?:\w+:)?response\b[^>]*>.*?<\/(?:\w+:)?response>/gs) ?? [];
  const base = new URL(dav.url).pathname;
  for (const response of responses) {
    const href = /<(?:\w+:)?href>([^<]*)</.exec(response)?.[1] ?? '';
    const path = decodeURIComponent(new URL(href.replaceAll('&amp;', '&'), dav.url).pathname.slice(base.length));
    // A folder shows up twice: as itself and as its parent's child.
    snapshot.set(path, path.endsWith('/') || path === '' ? response : `${response} ${await hashOf(dav, path)}`);
    if (path.endsWith('/') && path !== folder) await visit(dav, path, snapshot);
  }
}

async function hashOf(dav: DavClient, path: string): Promise<string> {
  const bytes = await dav.get(path);
  if (!bytes) throw new Error(`${path} is listed but absent`);
  return createHash('sha256').update(bytes).digest('hex');
}
