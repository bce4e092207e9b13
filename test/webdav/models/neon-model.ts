/** neon and KIO: well-formed, right namespaces, a status line for each propstat, hrefs at or below the request, none twice. */
import assert from 'node:assert/strict';
import { childElements, isDav, textOf, type XmlElement } from '../../../src/webdav/xml/xml-element.js';
import { readXml } from '../../../src/webdav/xml/xml-reader.js';

export interface Propstat {
  readonly status: number;
  /** `namespace name` -> element. */
  readonly properties: ReadonlyMap<string, XmlElement>;
}

export interface ParsedResponse {
  readonly href: string;
  /** undefined where the answer does not say. */
  readonly kind: 'file' | 'folder' | undefined;
  readonly propstats: readonly Propstat[];
  /** Other hrefs inside: of locks, of principals. */
  readonly nestedHrefs: number;
  /** Text of a property with status 200. */
  value(name: string, namespace?: string): string | undefined;
}

const elementLimit = 1_000_000;

export function neonModel(body: Buffer, requestPath: string): ParsedResponse[] {
  const root = readXml(body, elementLimit);
  assert.ok(isDav(root, 'multistatus'));
  const prefix = decodeURIComponent(requestPath.replace(/[?].*$/, '')).replace(/\/+$/, '');
  const hrefs = new Set<string>();
  const responses = childElements(root).map((element) => {
    const response = readResponse(element);
    assert.ok(decodeURIComponent(response.href).startsWith(prefix), `${response.href} does not repeat ${prefix}`);
    assert.ok(!hrefs.has(response.href), `${response.href} appears twice`);
    hrefs.add(response.href);
    return response;
  });
  assert.ok(responses.length > 0, 'an empty multistatus');
  assert.equal(decodeURIComponent(responses[0]!.href).replace(/\/+$/, ''), prefix, 'the first entry is the requested');
  return responses;
}

function readResponse(element: XmlElement): ParsedResponse {
  assert.ok(isDav(element, 'response'));
  const [hrefElement, ...rest] = childElements(element);
  assert.ok(hrefElement && isDav(hrefElement, 'href'));
  const href = textOf(hrefElement);
  assert.match(href, /^\/(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/, 'href is not path-absolute with upper-case encoding');
  const propstats = rest.map(readPropstat);
  assert.ok(propstats.length > 0, 'a response without propstat');
  const good = propstats.find(({ status }) => status === 200);
  const kind = kindOf(good);
  if (kind) assert.equal(href.endsWith('/'), kind === 'folder', `the slash of ${href}`);
  const value = (name: string, namespace = 'DAV:'): string | undefined => {
    const property = good?.properties.get(`${namespace} ${name}`);
    return property && textOf(property);
  };
  return { href, kind, propstats, nestedHrefs: countHrefs(rest), value };
}

/** An answer that names properties without their values says nothing. */
function kindOf(good: Propstat | undefined): ParsedResponse['kind'] {
  const type = good?.properties.get('DAV: resourcetype');
  if (!good || !type || ![...good.properties.values()].some(({ children }) => children.length > 0)) return undefined;
  return type.children.length === 1 ? 'folder' : 'file';
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

function countHrefs(elements: readonly XmlElement[]): number {
  return elements.reduce(
    (sum, element) => sum + (element.name.toLowerCase() === 'href' ? 1 : 0) + countHrefs(childElements(element)),
    0,
  );
}
