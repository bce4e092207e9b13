/**
 * A small namespace-aware XML reader for request bodies. It knows what RFC 4918 bodies need and refuses the rest: no
 * DOCTYPE (so no entities to expand or fetch), UTF-8 only, bounded depth and size, one pass. Tolerant where Windows and
 * Office are careless: a byte order mark in front, NULs behind.
 */
import { NamespaceScope } from './namespace-scope.js';
import { type XmlAttribute, type XmlElement, xmlNamespace } from './xml-element.js';
import { decodeXml, malformed, resolveReferences } from './xml-text.js';

const xmlnsNamespace = 'http://www.w3.org/2000/xmlns/';

const maximumDepth = 64;
const usualNodes = 20_000;

const namePattern = /[\p{L}_][\p{L}\p{N}\p{M}_.\u00B7-]*(?::[\p{L}_][\p{L}\p{N}\p{M}_.\u00B7-]*)?/uy;
const spacePattern = /[ \t\r\n]*/y;
const noPrefixes = new NamespaceScope(new Map());

interface Building {
  readonly rawName: string;
  readonly element: XmlElement & { readonly children: (XmlElement | string)[] };
  readonly scope: NamespaceScope;
}

/** The document's root element. Throws a 400 for whatever is not well-formed or not allowed. */
export function readXml(body: Buffer, maximumNodes = usualNodes): XmlElement {
  return new Reader(decodeXml(body), maximumNodes).read();
}

class Reader {
  readonly #text: string;
  readonly #maximumNodes: number;
  readonly #open: Building[] = [];
  #position = 0;
  #nodes = 0;
  #root: XmlElement | undefined;

  constructor(text: string, maximumNodes: number) {
    this.#text = text;
    this.#maximumNodes = maximumNodes;
  }

  read(): XmlElement {
    while (this.#position < this.#text.length) {
      const next = this.#text.indexOf('<', this.#position);
      this.#characters(this.#text.slice(this.#position, next < 0 ? this.#text.length : next));
      if (next < 0) break;
      this.#position = next;
      this.#markup();
    }
    if (this.#open.length > 0 || !this.#root) throw malformed('an element is not closed');
    return this.#root;
  }

  #markup(): void {
    const text = this.#text;
    if (text.startsWith('<!--', this.#position)) {
      this.#skip(4, '-->');
    } else if (text.startsWith('<![CDATA[', this.#position)) {
      const inside = this.#skip(9, ']]>');
      if (this.#open.length === 0) throw malformed('text outside the root element');
      this.#append(inside);
    } else if (text.startsWith('<!', this.#position)) {
      throw malformed('document types are not read');
    } else if (text.startsWith('<?', this.#position)) {
      this.#skip(2, '?>');
    } else if (text.startsWith('</', this.#position)) {
      this.#endTag();
    } else {
      this.#startTag();
    }
  }

  /** Moves behind `terminator` and returns what lies between. */
  #skip(lead: number, terminator: string): string {
    const start = this.#position + lead;
    const end = this.#text.indexOf(terminator, start);
    if (end < 0) throw malformed('it ends too early');
    this.#position = end + terminator.length;
    return this.#text.slice(start, end);
  }

  #characters(raw: string): void {
    if (raw === '') return;
    if (this.#open.length === 0) {
      if (raw.trim() !== '') throw malformed('text outside the root element');
      return;
    }
    if (raw.includes(']]>')) throw malformed(']]> in text');
    this.#append(resolveReferences(raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw));
  }

  #append(child: XmlElement | string): void {
    this.#count();
    this.#open.at(-1)!.element.children.push(child);
  }

  #count(): void {
    this.#nodes += 1;
    if (this.#nodes > this.#maximumNodes) throw malformed('it has too many nodes');
  }

  #startTag(): void {
    this.#position += 1;
    const rawName = this.#name();
    const raw: [name: string, value: string][] = [];
    const declared = new Map<string, string>();
    let closed = false;
    for (;;) {
      const spaced = this.#space();
      if (this.#take('/>')) closed = true;
      if (closed || this.#take('>')) break;
      if (!spaced) throw malformed('an attribute is not separated');
      this.#attribute(raw, declared);
    }
    const outer = this.#open.at(-1);
    const outerScope = outer?.scope ?? noPrefixes;
    const scope = declared.size === 0 ? outerScope : new NamespaceScope(declared, outerScope);
    const element = build(rawName, raw, scope, outer?.element.language ?? '');
    this.#attach(element);
    if (closed) return;
    if (this.#open.length === maximumDepth) throw malformed('it is nested too deeply');
    this.#open.push({ rawName, element, scope });
  }

  #attribute(raw: [string, string][], declared: Map<string, string>): void {
    this.#count();
    const name = this.#name();
    this.#space();
    if (!this.#take('=')) throw malformed('an attribute has no value');
    this.#space();
    const quote = this.#take('"') ? '"' : this.#take("'") ? "'" : undefined;
    const end = quote === undefined ? -1 : this.#text.indexOf(quote, this.#position);
    if (end < 0) throw malformed('an attribute value is not quoted');
    const source = this.#text.slice(this.#position, end);
    if (source.includes('<')) throw malformed('< in an attribute value');
    this.#position = end + 1;
    const value = resolveReferences(source.replace(/\r\n|[\t\r\n]/g, ' '));
    if (name === 'xmlns' || name.startsWith('xmlns:')) declare(name.slice(6), value, declared);
    else raw.push([name, value]);
  }

  #attach(element: XmlElement): void {
    if (this.#open.length > 0) {
      this.#append(element);
      return;
    }
    if (this.#root) throw malformed('it has two root elements');
    this.#count();
    this.#root = element;
  }

  #endTag(): void {
    this.#position += 2;
    const name = this.#name();
    this.#space();
    if (!this.#take('>') || this.#open.pop()?.rawName !== name) throw malformed('an end tag does not match');
  }

  #name(): string {
    namePattern.lastIndex = this.#position;
    const match = namePattern.exec(this.#text);
    if (!match) throw malformed('a name is not valid');
    this.#position = namePattern.lastIndex;
    return match[0];
  }

  #space(): boolean {
    const start = this.#position;
    spacePattern.lastIndex = start;
    spacePattern.exec(this.#text);
    this.#position = spacePattern.lastIndex;
    return this.#position > start;
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#position)) return false;
    this.#position += token.length;
    return true;
  }
}

function declare(prefix: string, namespace: string, declared: Map<string, string>): void {
  if (declared.has(prefix)) throw malformed('a namespace is declared twice');
  if (prefix !== '' && namespace === '') throw malformed('a prefix has an empty namespace');
  if ((prefix === 'xml') !== (namespace === xmlNamespace)) throw malformed('the prefix xml is redefined');
  if (prefix === 'xmlns' || namespace === xmlnsNamespace) throw malformed('the prefix xmlns is redefined');
  declared.set(prefix, namespace);
}

function build(
  rawName: string,
  raw: readonly [string, string][],
  scope: NamespaceScope,
  outerLanguage: string,
): XmlElement & { readonly children: (XmlElement | string)[] } {
  const attributes: XmlAttribute[] = [];
  const seen = new Set<string>();
  let language = outerLanguage;
  for (const [attributeName, value] of raw) {
    const { prefix, name } = split(attributeName);
    const namespace = prefix === '' ? '' : resolve(prefix, scope);
    const key = `${namespace} ${name}`;
    if (seen.has(key)) throw malformed('an attribute appears twice');
    seen.add(key);
    if (namespace === xmlNamespace && name === 'lang') language = value;
    attributes.push({ namespace, prefix, name, value });
  }
  const { prefix, name } = split(rawName);
  return { namespace: resolve(prefix, scope), prefix, name, attributes, children: [], language };
}

function split(rawName: string): { prefix: string; name: string } {
  const colon = rawName.indexOf(':');
  return { prefix: colon < 0 ? '' : rawName.slice(0, colon), name: rawName.slice(colon + 1) };
}

function resolve(prefix: string, scope: NamespaceScope): string {
  if (prefix === 'xml') return xmlNamespace;
  const namespace = scope.find(prefix);
  if (namespace === undefined && prefix !== '') throw malformed('a prefix is not declared');
  return namespace ?? '';
}
