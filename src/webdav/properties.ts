/**
 * Live properties: one table of what the drive knows about an entry. Everything else is a dead property, stored as its
 * client wrote it. Windows' creation and modification times are live too: kept as the entry's own times, so that they
 * cannot contradict them after a later change.
 */
import { contentTypeOf } from '../http/content-types.js';
import { formatHttpDate, formatIsoDate, parseHttpDate } from '../http/http-dates.js';
import type { EntryRow, LockRow, SpaceReport } from '../volume/volume.js';
import { davNamespace } from './xml/xml-element.js';
import { escapeXml } from './xml/xml-writer.js';

export const microsoftNamespace = 'urn:schemas-microsoft-com:';

/** What a value may be made from; locks and space are there when the property needs them. */
export interface PropertySource {
  readonly entry: EntryRow;
  readonly locks: readonly LockRow[];
  readonly space: SpaceReport | undefined;
  /** Hrefs of lock roots, without slash at the end. */
  hrefOfLockRoot(lock: LockRow): string;
  /** Who asks. */
  readonly principal: string;
}

export interface EntryTimes {
  readonly created?: number | undefined;
  readonly modified?: number | undefined;
}

export interface LiveProperty {
  readonly namespace: string;
  readonly name: string;
  /** The element without content; and around it. It declares its prefix when the document does not. */
  readonly empty: string;
  readonly start: string;
  readonly end: string;
  /**
   * 'compact': also in the shortest listings. 'named': only when asked for by name: locks would put other hrefs into
   * listings, which Finder and some phone clients take for entries; RFC 4331 wants it so for quota.
   */
  readonly shownIn: 'compact' | 'allprop' | 'named';
  readonly needs?: 'locks' | 'space';
  /** Inner XML; undefined when this entry does not have the property. */
  value(source: PropertySource): string | undefined;
  /** For times that clients may set; undefined when the text is not a time. */
  readonly parseTime?: (text: string) => EntryTimes | undefined;
}

type Optional = Pick<LiveProperty, 'needs' | 'parseTime'>;

function dav(
  name: string,
  shownIn: LiveProperty['shownIn'],
  value: LiveProperty['value'],
  rest: Optional = {},
): LiveProperty {
  const tag = `D:${name}`;
  return {
    namespace: davNamespace,
    name,
    empty: `<${tag}/>`,
    start: `<${tag}>`,
    end: `</${tag}>`,
    shownIn,
    value,
    ...rest,
  };
}

function microsoft(name: string, value: LiveProperty['value'], parseTime: LiveProperty['parseTime']): LiveProperty {
  const declared = `<Z:${name} xmlns:Z="${microsoftNamespace}"`;
  const parts = { empty: `${declared}/>`, start: `${declared}>`, end: `</Z:${name}>` };
  return { namespace: microsoftNamespace, name, ...parts, shownIn: 'named', value, ...(parseTime && { parseTime }) };
}

const isFolder = ({ entry }: PropertySource): boolean => entry.kind === 'folder';

const lockEntries = ['exclusive', 'shared']
  .map(
    (scope) => `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('');

function modifiedFromHttpDate(text: string): EntryTimes | undefined {
  const modified = parseHttpDate(text.trim());
  return modified === undefined ? undefined : { modified };
}

function createdFromHttpDate(text: string): EntryTimes | undefined {
  const created = parseHttpDate(text.trim());
  return created === undefined ? undefined : { created };
}

/** DAV:lastmodified is what rclone sends: Unix seconds. */
function modifiedFromSeconds(text: string): EntryTimes | undefined {
  return /^\d{1,11}(\.\d{1,9})?$/.test(text.trim()) ? { modified: Math.floor(Number(text) * 1000) } : undefined;
}

export const liveProperties: readonly LiveProperty[] = [
  dav('resourcetype', 'compact', (source) => (isFolder(source) ? '<D:collection/>' : '')),
  dav('getcontentlength', 'compact', (source) => (isFolder(source) ? undefined : String(source.entry.sizeBytes))),
  dav('getlastmodified', 'compact', ({ entry }) => formatHttpDate(entry.modified), { parseTime: modifiedFromHttpDate }),
  dav('creationdate', 'compact', ({ entry }) => formatIsoDate(entry.created)),
  dav('getetag', 'allprop', ({ entry }) => (entry.etag === '' ? undefined : `&quot;${escapeXml(entry.etag)}&quot;`)),
  dav('getcontenttype', 'allprop', (source) => (isFolder(source) ? undefined : contentTypeOf(source.entry.name))),
  dav('displayname', 'allprop', ({ entry }) => escapeXml(entry.name)),
  dav('supportedlock', 'named', () => lockEntries),
  dav('lockdiscovery', 'named', (source) => source.locks.map((lock) => activeLockXml(lock, source)).join(''), {
    needs: 'locks',
  }),
  dav('quota-available-bytes', 'named', (source) => quota(source, 'availableBytes'), { needs: 'space' }),
  dav('quota-used-bytes', 'named', (source) => quota(source, 'usedBytes'), { needs: 'space' }),
  dav('lastmodified', 'named', () => undefined, { parseTime: modifiedFromSeconds }),
  microsoft('Win32LastModifiedTime', ({ entry }) => formatHttpDate(entry.modified), modifiedFromHttpDate),
  microsoft('Win32CreationTime', ({ entry }) => formatHttpDate(entry.created), createdFromHttpDate),
];

const byKey: ReadonlyMap<string, LiveProperty> = new Map(
  liveProperties.map((property) => [`${property.namespace} ${property.name}`, property]),
);

export function liveProperty(namespace: string, name: string): LiveProperty | undefined {
  return byKey.get(`${namespace} ${name}`);
}

/** The token of another's lock is none of the asker's business (RFC 4918 section 15.8 lets it be left out). */
export function activeLockXml(lock: LockRow, source: Pick<PropertySource, 'hrefOfLockRoot' | 'principal'>): string {
  const seconds = Math.round(lock.timeoutMs / 1000);
  const owner = lock.owner === '' ? '' : `<D:owner>${lock.owner}</D:owner>`;
  return (
    `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${lock.scope}/></D:lockscope>` +
    `<D:depth>${lock.depth}</D:depth>${owner}<D:timeout>Second-${seconds}</D:timeout>` +
    (lock.principal === source.principal
      ? `<D:locktoken><D:href>${escapeXml(lock.token)}</D:href></D:locktoken>`
      : '') +
    `<D:lockroot><D:href>${escapeXml(source.hrefOfLockRoot(lock))}</D:href></D:lockroot></D:activelock>`
  );
}

function quota(source: PropertySource, which: 'availableBytes' | 'usedBytes'): string | undefined {
  if (!isFolder(source) || !source.space) return undefined;
  return String(Math.max(0, Math.floor(source.space[which])));
}
