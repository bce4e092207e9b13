/** The entries of a volume in memory. */
import type { Clock } from '../../src/core/clock.js';
import { DriveError } from '../../src/core/errors.js';
import { windowsName } from '../../src/core/text/windows-names.js';
import type { EntryPath, EntryRow, LockRow, PropertyChange, PropertyRow } from '../../src/volume/volume.js';

export interface Item {
  row: EntryRow;
  bytes: Buffer;
  readonly children: Map<string, Item>;
  readonly properties: Map<string, PropertyRow>;
  locks: LockRow[];
}

export const keyOf = (name: string): string => name.normalize('NFC');
/** Written another way than the index does it. */
const windowsKey = (name: string): string => windowsName(keyOf(name)).normalize('NFKC').toLowerCase();
const areAlike = (one: string, other: string): boolean => windowsKey(one) === windowsKey(other);

export class MemoryTree {
  readonly root: Item;
  readonly #clock: Clock;
  #nextId = 2;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.root = this.item('', 'folder', 1);
  }

  /** As MetaReader.spelling. */
  spelling(path: EntryPath): EntryPath {
    const spelled = [...path];
    let item: Item | undefined = this.root;
    for (const [index, name] of path.entries()) {
      const exact: Item | undefined = item.children.get(keyOf(name));
      const alike: Item[] = [...item.children.values()].filter((child) => areAlike(child.row.name, name));
      item = exact ?? (alike.length === 1 ? alike[0] : undefined);
      if (!item) break;
      if (!exact) spelled[index] = item.row.name;
    }
    return spelled;
  }

  item(name: string, kind: EntryRow['kind'], parent: number): Item {
    const now = this.#clock.now();
    const id = this.#nextId++;
    const row: EntryRow = {
      id: name === '' ? 1 : id,
      parent,
      name,
      kind,
      content: null,
      sizeBytes: 0,
      etag: '',
      created: now,
      modified: now,
      born: id,
      hasProperties: false,
    };
    return { row, bytes: Buffer.alloc(0), children: new Map(), properties: new Map(), locks: [] };
  }

  find(path: EntryPath): Item | undefined {
    let item: Item | undefined = this.root;
    for (const name of path) item = item?.children.get(keyOf(name));
    return item;
  }

  byId(id: number): Item | undefined {
    let found: Item | undefined;
    this.walk(this.root, (item) => {
      if (item.row.id === id) found = item;
    });
    return found;
  }

  setProperties(item: Item, changes: readonly PropertyChange[]): void {
    for (const { namespace, name, value } of changes) {
      if (value === null) item.properties.delete(`${namespace} ${name}`);
      else item.properties.set(`${namespace} ${name}`, { namespace, name, value });
    }
    item.row = { ...item.row, hasProperties: item.properties.size > 0 };
  }

  walk(item: Item, visit: (item: Item) => void): void {
    visit(item);
    for (const child of item.children.values()) this.walk(child, visit);
  }

  parent(path: EntryPath): Item {
    const parent = this.find(path.slice(0, -1));
    if (parent?.row.kind !== 'folder') throw new DriveError('PARENT_MISSING');
    return parent;
  }

  place(path: EntryPath): { parent: Item; name: string } {
    const name = path.at(-1);
    if (name === undefined) throw new DriveError('FORBIDDEN');
    if (Buffer.byteLength(name) > 255) throw new DriveError('INVALID_NAME');
    const parent = this.parent(path);
    parent.row = { ...parent.row, modified: this.#clock.now() };
    return { parent, name };
  }

  attach(path: EntryPath, kind: EntryRow['kind']): Item {
    const { parent, name } = this.place(path);
    const item = this.item(name, kind, parent.row.id);
    parent.children.set(keyOf(name), item);
    return item;
  }

  detach(path: EntryPath): void {
    const { parent, name } = this.place(path);
    parent.children.delete(keyOf(name));
  }

  clone(item: Item, depth: 0 | 'infinity'): Item {
    const clone = this.item(item.row.name, item.row.kind, item.row.parent);
    clone.row = { ...item.row, id: clone.row.id };
    clone.bytes = item.bytes;
    for (const [key, row] of item.properties) clone.properties.set(key, row);
    if (depth === 'infinity')
      for (const [key, child] of item.children) clone.children.set(key, this.clone(child, depth));
    return clone;
  }

  sizeOf(item: Item): number {
    let size = 0;
    this.walk(item, ({ bytes }) => {
      size += bytes.length;
    });
    return size;
  }
}
