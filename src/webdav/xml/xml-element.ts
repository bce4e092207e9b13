/** XML as plain data: what the reader gives and the writer takes. */

export interface XmlAttribute {
  readonly namespace: string;
  readonly prefix: string;
  readonly name: string;
  readonly value: string;
}

export interface XmlElement {
  /** '' when in none. */
  readonly namespace: string;
  readonly prefix: string;
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly (XmlElement | string)[];
  /** xml:lang in scope, '' when none. */
  readonly language: string;
}

export const davNamespace = 'DAV:';
export const xmlNamespace = 'http://www.w3.org/XML/1998/namespace';

export function childElements(parent: XmlElement): XmlElement[] {
  return parent.children.filter((child): child is XmlElement => typeof child !== 'string');
}

export function isDav(element: XmlElement, name: string): boolean {
  return element.namespace === davNamespace && element.name === name;
}

export function textOf(element: XmlElement): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}
