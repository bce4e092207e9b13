/** Writing XML: escaping, and elements of requests written out again so that they stand on their own. */
import { NamespaceScope } from './namespace-scope.js';
import { davNamespace, type XmlElement, xmlNamespace } from './xml-element.js';

export const xmlDeclaration = '<?xml version="1.0" encoding="utf-8"?>';
export const xmlContentType = 'application/xml; charset="utf-8"';

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what XML forbids
const special = /[&<>"\r\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
const plain = /^[\w .-]*$/;
const escapes: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ['\r', '&#13;'],
]);

const outermost = new NamespaceScope(new Map([['xml', xmlNamespace]]));
/** Inside every document that we write. */
const inDocument = new NamespaceScope(new Map([['D', davNamespace]]), outermost);

/** For text and for attribute values in double quotes. What XML cannot carry at all becomes U+FFFD. */
export function escapeXml(text: string): string {
  return plain.test(text) ? text : text.replace(special, (character) => escapes.get(character) ?? '\ufffd');
}

/** An empty element of any namespace, for documents that declare `D:` at their root. `Z` is what Windows uses itself. */
export function emptyElement(namespace: string, name: string): string {
  if (namespace === 'DAV:') return `<D:${name}/>`;
  return namespace === '' ? `<${name} xmlns=""/>` : `<Z:${name} xmlns:Z="${escapeXml(namespace)}"/>`;
}

/**
 * The element with every namespace it uses declared on the spot and its language kept (RFC 4918 section 4.3): it can
 * be put into any other document.
 */
export function standaloneXml(element: XmlElement, scope = outermost): string {
  const hasLanguage = element.attributes.some(({ namespace, name }) => namespace === xmlNamespace && name === 'lang');
  const extra = element.language === '' || hasLanguage ? '' : ` xml:lang="${escapeXml(element.language)}"`;
  return write(element, scope, extra);
}

/** What is in the element, for documents that declare `D:` at their root: Windows wants it declared only there. */
export function innerXml(element: XmlElement): string {
  return element.children
    .map((child) => (typeof child === 'string' ? escapeXml(child) : standaloneXml(child, inDocument)))
    .join('');
}

function write(element: XmlElement, outer: NamespaceScope, extra: string): string {
  const declared = new Map<string, string>();
  const scope = new NamespaceScope(declared, outer);
  const declare = (prefix: string, namespace: string): string => {
    if ((scope.find(prefix) ?? '') === namespace) return '';
    declared.set(prefix, namespace);
    return ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapeXml(namespace)}"`;
  };
  let attributes = declare(element.prefix, element.namespace) + extra;
  for (const { prefix, namespace, name, value } of element.attributes) {
    if (prefix !== '') attributes += declare(prefix, namespace);
    attributes += ` ${qualified(prefix, name)}="${escapeXml(value)}"`;
  }
  const tag = qualified(element.prefix, element.name);
  if (element.children.length === 0) return `<${tag}${attributes}/>`;
  const within = declared.size === 0 ? outer : scope;
  const inside = element.children.map((child) =>
    typeof child === 'string' ? escapeXml(child) : write(child, within, ''),
  );
  return `<${tag}${attributes}>${inside.join('')}</${tag}>`;
}

function qualified(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}:${name}`;
}
