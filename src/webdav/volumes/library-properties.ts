/**
 * Dead properties as webdav-server keeps them: named by namespace and name in one word, their value as text or as the
 * elements of its XML reader. Attributes of the property itself are not kept.
 */
import type { v2 as webdav } from 'webdav-server';
import type { EntryPath, EntryRow, PropertyRow, Volume } from '../../volume/volume.js';
import type { XmlElement } from '../xml/xml-element.js';
import { readXml } from '../xml/xml-reader.js';
import { standaloneXml } from '../xml/xml-writer.js';

/** What its XML reader makes of a document. */
interface LibraryNode {
  readonly type?: string;
  readonly name?: string;
  readonly text?: unknown;
  readonly cdata?: unknown;
  readonly elements?: readonly LibraryNode[];
}

export function libraryBag(rows: readonly PropertyRow[]): webdav.PropertyBag {
  return Object.fromEntries(rows.map((row) => [keyOf(row), { value: libraryValue(row) }]));
}

/** `value` null removes. */
export async function setLibraryProperty(
  volume: Volume,
  entry: EntryRow,
  change: {
    readonly path: EntryPath;
    readonly key: string;
    readonly value: webdav.ResourcePropertyValue | null;
    readonly options: Parameters<Volume['setProperties']>[2];
  },
): Promise<void> {
  const { path, key, value, options } = change;
  const rows = await volume.properties(entry);
  // Where a namespace ends cannot be seen in the one word: what is stored already knows.
  const { namespace, name } = rows.find((row) => keyOf(row) === key) ?? splitKey(key);
  const element = value === null ? null : standaloneXml({ ...elementOf(key, nodesOf(value)), namespace, name });
  await volume.setProperties(path, [{ namespace, name, value: element }], options);
}

const keyOf = ({ namespace, name }: Pick<PropertyRow, 'namespace' | 'name'>): string => `${namespace}${name}`;

function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const name = /[^:/#]*$/.exec(key)![0];
  return { namespace: key.slice(0, key.length - name.length), name };
}

function libraryValue(row: PropertyRow): webdav.ResourcePropertyValue {
  const { children } = readXml(Buffer.from(row.value));
  if (children.every((child) => typeof child === 'string')) return children.join('');
  return children.map(libraryNode) as unknown as webdav.ResourcePropertyValue;
}

function libraryNode(child: XmlElement | string): LibraryNode {
  if (typeof child === 'string') return { type: 'text', text: child };
  return { type: 'element', name: keyOf(child), elements: child.children.map(libraryNode) };
}

function nodesOf(value: webdav.ResourcePropertyValue): readonly LibraryNode[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  return (Array.isArray(value) ? value : [value]) as unknown as readonly LibraryNode[];
}

function elementOf(key: string, nodes: readonly LibraryNode[]): XmlElement {
  const children = nodes.flatMap((node): (XmlElement | string)[] => {
    if (node.name !== undefined) return [elementOf(node.name, node.elements ?? [])];
    const text = node.text ?? node.cdata;
    return text === undefined ? [] : [String(text)];
  });
  return { ...splitKey(key), prefix: '', attributes: [], children, language: '' };
}
