/** The body of a PROPFIND, and how the entries it names are written. Parsed once, used for every entry of a listing. */
import { LRUCache } from 'lru-cache';
import { limits } from '../http/limits.js';
import { refusal } from '../http/status.js';
import type { EntryRow, PropertyRow } from '../volume/volume.js';
import type { ClientProfile } from './client-profiles.js';
import {
  type LiveProperty,
  liveProperties,
  liveProperty,
  microsoftNamespace,
  type PropertySource,
} from './properties.js';
import { childElements, isDav } from './xml/xml-element.js';
import { readXml } from './xml/xml-reader.js';
import { emptyElement } from './xml/xml-writer.js';

export interface PropertyName {
  readonly namespace: string;
  readonly name: string;
}

export interface PropertyRequest {
  readonly kind: 'names' | 'all' | 'some';
  readonly live: readonly LiveProperty[];
  /** Named ones that are not live. */
  readonly dead: readonly PropertyName[];
}

const ok = '<D:status>HTTP/1.1 200 OK</D:status>';
const missing = '<D:status>HTTP/1.1 404 Not Found</D:status>';
/** Attributes that say nothing: archive, normal, folder. */
const plainAttributes = /^<[^>]*>0*(?:|20|80|10|30)<\//;

/** Each client sends the same few bodies again and again. */
const readBefore = new LRUCache<string, PropertyRequest>({ max: 64 });
const longestKeptBytes = 2048;

/** An empty body asks for everything (RFC 4918 section 9.1). */
export function readPropertyRequest(body: Buffer, profile: ClientProfile): PropertyRequest {
  if (body.length > longestKeptBytes) return read(body, profile);
  const key = `${profile.compact} ${body.toString('latin1')}`;
  const known = readBefore.get(key);
  if (known) return known;
  const request = read(body, profile);
  readBefore.set(key, request);
  return request;
}

function read(body: Buffer, profile: Pick<ClientProfile, 'compact'>): PropertyRequest {
  if (body.length === 0) return everything([], profile);
  const root = readXml(body);
  if (!isDav(root, 'propfind')) throw refusal(400, 'the body is not a DAV:propfind');
  const parts = childElements(root);
  const forms = parts.filter((part) => isDav(part, 'prop') || isDav(part, 'allprop') || isDav(part, 'propname'));
  if (forms.length !== 1) throw refusal(400, 'a propfind has one of prop, allprop and propname');
  const form = forms[0]!;
  if (form.name === 'propname') return { kind: 'names', live: liveProperties, dead: [] };
  const include = parts.find((part) => isDav(part, 'include'));
  if (form.name === 'allprop') return everything(include ? childElements(include) : [], profile);
  return named(childElements(form));
}

function everything(include: readonly PropertyName[], profile: Pick<ClientProfile, 'compact'>): PropertyRequest {
  const extra = named(include);
  const usual = liveProperties.filter(
    ({ shownIn }) => shownIn === 'compact' || (shownIn === 'allprop' && !profile.compact),
  );
  return { kind: 'all', live: [...new Set([...usual, ...extra.live])], dead: [] };
}

function named(names: readonly PropertyName[]): PropertyRequest {
  if (names.length > limits.properties) throw refusal(400, 'too many properties are asked for');
  const live = new Set<LiveProperty>();
  const dead = new Map<string, PropertyName>();
  for (const { namespace, name } of names) {
    const known = liveProperty(namespace, name);
    if (known) live.add(known);
    else dead.set(`${namespace} ${name}`, { namespace, name });
  }
  return { kind: 'some', live: [...live], dead: [...dead.values()] };
}

export function needs(request: PropertyRequest, what: 'locks' | 'space'): boolean {
  return request.kind !== 'names' && request.live.some((property) => property.needs === what);
}

/** Whether the stored properties of an entry have to be looked up. */
export function needsStored(request: PropertyRequest, entry: EntryRow): boolean {
  return entry.hasProperties && (request.kind !== 'some' || request.dead.length > 0);
}

/** The propstat elements of one entry. `brief`: without those it does not have. */
export function propstatsXml(
  request: PropertyRequest,
  source: PropertySource,
  stored: readonly PropertyRow[],
  options: { readonly brief: boolean; readonly profile: ClientProfile },
): string {
  if (request.kind === 'names') return namesXml(source, stored);
  let found = '';
  let absent = '';
  for (const property of request.live) {
    const value = property.value(source);
    if (value === undefined)
      absent += options.profile.statusBlind && property.shownIn === 'compact' ? '' : property.empty;
    else if (value === '') found += property.empty;
    else found += property.start + value + property.end;
  }
  if (request.kind === 'all') {
    for (const row of stored) if (!options.profile.compact || worthShowing(row)) found += row.value;
    absent = '';
  }
  for (const { namespace, name } of request.dead) {
    const row = stored.find((candidate) => candidate.namespace === namespace && candidate.name === name);
    if (row) found += row.value;
    else absent += emptyElement(namespace, name);
  }
  const silent = options.brief || absent === '';
  const good = found !== '' || silent ? `<D:propstat><D:prop>${found}</D:prop>${ok}</D:propstat>` : '';
  return silent ? good : `${good}<D:propstat><D:prop>${absent}</D:prop>${missing}</D:propstat>`;
}

function namesXml(source: PropertySource, stored: readonly PropertyRow[]): string {
  let names = '';
  for (const property of liveProperties) {
    if (property.needs !== 'space' && property.value(source) === undefined) continue;
    if (property.needs === 'space' && source.entry.kind !== 'folder') continue;
    names += property.empty;
  }
  for (const { namespace, name } of stored) names += emptyElement(namespace, name);
  return `<D:propstat><D:prop>${names}</D:prop>${ok}</D:propstat>`;
}

function worthShowing({ namespace, name, value }: PropertyRow): boolean {
  return namespace === microsoftNamespace && name === 'Win32FileAttributes' && !plainAttributes.test(value);
}
