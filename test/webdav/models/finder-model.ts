/**
 * webdavfs: knows no namespaces, no nesting, no status. Each href opens an entry, its text is the first piece only; any
 * `collection` makes a folder; an entry is a child if its decoded path is longer than that of the request.
 */
import assert from 'node:assert/strict';
import { parseHttpDate } from '../../../src/http/http-dates.js';

export interface Listed {
  /** Decoded last segment; '' for the requested resource itself. */
  readonly name: string;
  readonly folder: boolean;
  readonly sizeBytes: number | undefined;
}

type Entry = { -readonly [K in keyof Listed]: Listed[K] };

const nameLimitBytes = 255;

export function finderModel(text: string, requestPath: string): Listed[] {
  const entries: Entry[] = [];
  const requested = decodeURIComponent(requestPath).replace(/\/+$/, '');
  const token = /<(?:[\w-]+:)?([\w-]+)[^<>]*?\/?>([^<]*)/g;
  for (const [, rawName, content] of text.matchAll(token) as Iterable<[string, string, string]>) {
    const name = rawName.toLowerCase();
    if (name === 'href') entries.push(openEntry(content, requested));
    else if (content !== '' || name === 'collection') note(entries.at(-1), name, content);
  }
  return entries;
}

function openEntry(content: string, requested: string): Entry {
  assert.doesNotMatch(content, /&/, 'an entity in an href splits its text');
  const path = decodeURIComponent(content).replace(/\/+$/, '');
  const isChild = Buffer.byteLength(path) > Buffer.byteLength(requested);
  const last = path.slice(path.lastIndexOf('/') + 1);
  assert.ok(Buffer.byteLength(last) <= nameLimitBytes);
  return { name: isChild ? last : '', folder: false, sizeBytes: undefined };
}

function note(entry: Entry | undefined, name: string, content: string): void {
  if (!entry) return;
  if (name === 'collection') entry.folder = true;
  else if (name === 'getcontentlength') entry.sizeBytes = Number(content);
  else if (name === 'getlastmodified') assert.ok((parseHttpDate(content) ?? -1) >= 0, `date ${content}`);
  else if (name === 'creationdate') {
    assert.match(content, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Date.parse(content) >= 0, `date ${content}`);
  }
}
