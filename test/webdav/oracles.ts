/**
 * Small models of the three most fragile client parsers. Every 207 of the tests goes through all of them: what they
 * see must be what the drive holds.
 */
import assert from 'node:assert/strict';
import { parseHttpDate } from '../../src/http/http-dates.js';
import { childElements, isDav, textOf, type XmlElement } from '../../src/webdav/xml/xml-element.js';
import { readXml } from '../../src/webdav/xml/xml-reader.js';
import type { Answer } from './dav-client.js';

export interface Listed {
  /** Decoded last segment; '' for the requested resource itself. */
  readonly name: string;
  readonly folder: boolean;
  readonly sizeBytes: number | undefined;
}

export interface Propstat {
  readonly status: number;
  /** `namespace name` -> element. */
  readonly properties: ReadonlyMap<string, XmlElement>;
}

export interface ParsedResponse {
  readonly href: string;
  readonly propstats: readonly Propstat[];
  /** Text of a property with status 200. */
  value(name: string, namespace?: string): string | undefined;
}

/** Runs all models; returns what neon would see. `requestPath`: the path as sent. */
export function readMultistatus(answer: Answer, requestPath: string): ParsedResponse[] {
  assert.equal(answer.status, 207, answer.text);
  assert.match(answer.headers['content-type'] ?? '', /^(?:application|text)\/xml; charset="utf-8"$/);
  const responses = neonModel(answer.body, requestPath);
  const seen = finderModel(answer.text, requestPath);
  assert.equal(seen.length, responses.length, 'Finder sees another number of entries');
  return responses;
}

/** Children (and the folder itself first) of a Depth 1 listing as Finder sees them. */
export function listed(answer: Answer, requestPath: string): Listed[] {
  readMultistatus(answer, requestPath);
  miniRedirectorModel(answer);
  return finderModel(answer.text, requestPath);
}

/** neon and KIO: well-formed, right namespaces, a status line for each propstat, hrefs below the request, none twice. */
function neonModel(body: Buffer, requestPath: string): ParsedResponse[] {
  const root = readXml(body, 1_000_000);
  assert.ok(isDav(root, 'multistatus'));
  const prefix = requestPath.replace(/\/+$/, '');
  const hrefs = new Set<string>();
  return childElements(root).map((element) => {
    assert.ok(isDav(element, 'response'));
    const [hrefElement, ...rest] = childElements(element);
    assert.ok(hrefElement && isDav(hrefElement, 'href'));
    const href = textOf(hrefElement);
    assert.match(href, /^\/(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/, 'href is not path-absolute with upper-case encoding');
    assert.ok(href.startsWith(prefix), `${href} does not repeat ${prefix}`);
    assert.ok(!hrefs.has(href), `${href} appears twice`);
    hrefs.add(href);
    const propstats = rest.map(readPropstat);
    const good = propstats.find(({ status }) => status === 200);
    const value = (name: string, namespace = 'DAV:'): string | undefined => {
      const property = good?.properties.get(`${namespace} ${name}`);
      return property && textOf(property);
    };
    return { href, propstats, value };
  });
}

function readPropstat(element: XmlElement): Propstat {
  assert.ok(isDav(element, 'propstat'));
  const parts = childElements(element);
  const status = /^HTTP\/1\.1 (\d{3}) \S/.exec(textOf(parts.find((part) => isDav(part, 'status'))!));
  assert.ok(status, 'a propstat without status line');
  const prop = parts.find((part) => isDav(part, 'prop'));
  assert.ok(prop);
  const properties = new Map(
    childElements(prop).map((property) => [`${property.namespace} ${property.name}`, property]),
  );
  return { status: Number(status[1]), properties };
}

/**
 * webdavfs: knows no namespaces, no nesting, no status. Each href opens an entry, its text is the first piece only;
 * any `collection` makes a folder; an entry is a child if its decoded path is longer than that of the request.
 */
function finderModel(text: string, requestPath: string): Listed[] {
  const entries: { name: string; folder: boolean; sizeBytes: number | undefined }[] = [];
  const requested = decodeURIComponent(requestPath).replace(/\/+$/, '');
  const token = /<(?:[\w-]+:)?([\w-]+)[^<>]*?(\/?)>([^<]*)/g;
  for (const [, rawName, , content] of text.matchAll(token) as Iterable<[string, string, string, string]>) {
    const name = rawName.toLowerCase();
    const entry = entries.at(-1);
    if (name === 'href') {
      assert.doesNotMatch(content, /&/, 'an entity in an href splits its text');
      const path = decodeURIComponent(content).replace(/\/+$/, '');
      const isChild = Buffer.byteLength(path) > Buffer.byteLength(requested);
      const last = path.slice(path.lastIndexOf('/') + 1);
      assert.ok(Buffer.byteLength(last) <= 255);
      entries.push({ name: isChild ? last : '', folder: false, sizeBytes: undefined });
    } else if (entry && name === 'collection') {
      entry.folder = true;
    } else if (entry && name === 'getcontentlength' && content !== '') {
      entry.sizeBytes = Number(content);
    } else if (entry && name === 'getlastmodified' && content !== '') {
      assert.ok((parseHttpDate(content) ?? -1) >= 0, `date ${content}`);
    } else if (entry && name === 'creationdate' && content !== '') {
      assert.match(content, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
  }
  return entries;
}

/** MiniRedirector: one prefix declared at the root, statuses with 200, at most 1,000,000 bytes. */
export function miniRedirectorModel(answer: Answer): void {
  assert.ok(answer.body.length <= 1_000_000, 'the listing is too long for Windows');
  const [, root] = /^<\?xml[^>]*\?>(<[^>]*>)/.exec(answer.text) ?? [];
  assert.equal(root, '<D:multistatus xmlns:D="DAV:">');
  assert.equal(answer.text.match(/xmlns:D=/g)?.length, 1);
  assert.doesNotMatch(answer.text, />\s+</, 'indented');
}
