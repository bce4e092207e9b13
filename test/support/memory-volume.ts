/** A volume in memory: what the protocol layer's tests talk to. Everything is synchronous inside, so every change is atomic. */
import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { DriveError } from '../../src/core/errors.js';
import { randomUuid, systemRandom } from '../../src/core/random.js';
import { keepLocks } from '../../src/volume/kept-locks.js';
import type {
  Amendment,
  ChangeOptions,
  ContentReader,
  EntryPath,
  EntryRow,
  LockRow,
  PropertyChange,
  PropertyRow,
  PutOptions,
  SpaceReport,
  Upload,
  UploadedContent,
  UploadOptions,
  Volume,
} from '../../src/volume/volume.js';
import { judge, type ResourceState, requireTokens } from './memory-conditions.js';
import { type Item, keyOf, MemoryTree } from './memory-tree.js';

class MemoryContent implements UploadedContent {
  constructor(readonly bytes: Buffer) {}
  get sizeBytes(): number {
    return this.bytes.length;
  }
}

const pageSize = 100;

export class MemoryVolume implements Volume {
  readonly id = '00112233445566aa';
  readonly name: string;
  readonly clock: Clock;
  capacityBytes = 1024 ** 3;
  /** Called with each buffer about to be read; may throw, to play a damaged disk. */
  onRead: (offset: number) => void = () => {};
  /** Uploads begun and neither put nor aborted. */
  openUploads = 0;
  openReaders = 0;
  uploadedBytes = 0;
  readonly #issued = new Set<string>();
  readonly #tree: MemoryTree;

  constructor(name = 'home', clock: Clock = systemClock) {
    this.name = name;
    this.clock = clock;
    this.#tree = new MemoryTree(clock);
  }

  async stat(path: EntryPath): Promise<EntryRow | undefined> {
    return this.#tree.find(path)?.row;
  }

  async spelling(path: EntryPath): Promise<EntryPath> {
    return this.#tree.spelling(path);
  }

  async *list(folder: EntryRow): AsyncGenerator<EntryRow[]> {
    const rows = [...(this.#tree.byId(folder.id)?.children.values() ?? [])].map(({ row }) => row);
    for (let start = 0; start < rows.length; start += pageSize) yield rows.slice(start, start + pageSize);
  }

  async properties(entry: EntryRow): Promise<PropertyRow[]> {
    return [...(this.#tree.byId(entry.id)?.properties.values() ?? [])];
  }

  async locks(path: EntryPath): Promise<LockRow[]> {
    return this.#covering(path);
  }

  async space(): Promise<SpaceReport> {
    const usedBytes = this.#tree.sizeOf(this.#tree.root);
    return { availableBytes: this.capacityBytes - usedBytes, usedBytes };
  }

  async open(path: EntryPath): Promise<ContentReader> {
    const item = this.#tree.find(path);
    if (!item) throw new DriveError('NOT_FOUND');
    if (item.row.kind === 'folder') throw new DriveError('IS_FOLDER');
    const { row: entry, bytes } = item;
    this.openReaders += 1;
    let open = true;
    const { onRead } = this;
    return {
      entry,
      sizeBytes: bytes.length,
      async *read({ start, end }) {
        for (let offset = start; offset < end; offset += 65536) {
          onRead(offset);
          yield bytes.subarray(offset, Math.min(end, offset + 65536));
        }
      },
      atHand: () => undefined,
      close: () => {
        if (open) this.openReaders -= 1;
        open = false;
      },
    };
  }

  async upload({ expectedBytes = 0, under }: UploadOptions): Promise<Upload> {
    if (expectedBytes > (await this.space()).availableBytes) throw new DriveError('OUT_OF_SPACE');
    const parts: Buffer[] = [];
    let open = true;
    let length = 0;
    this.openUploads += 1;
    const letGo = under ? keepLocks(this, { clock: this.clock, ...under }) : () => undefined;
    const end = (): void => {
      letGo();
      if (open) this.openUploads -= 1;
      open = false;
    };
    return {
      write: async (bytes) => {
        length += bytes.length;
        this.uploadedBytes += bytes.length;
        if (length > (await this.space()).availableBytes) throw new DriveError('OUT_OF_SPACE');
        parts.push(Buffer.from(bytes));
        return true;
      },
      finish: async () => {
        end();
        return new MemoryContent(Buffer.concat(parts));
      },
      abort: async () => end(),
    };
  }

  async put(path: EntryPath, content: UploadedContent, options: PutOptions) {
    const present = this.#tree.find(path);
    if (present?.row.kind === 'folder' || path.length === 0) throw new DriveError('IS_FOLDER');
    if (!present) this.#tree.parent(path);
    this.#check(path, options, { parentToo: !present });
    const item = present ?? this.#tree.attach(path, 'file');
    item.bytes = (content as MemoryContent).bytes;
    const etag = createHash('sha256').update(item.bytes).digest('hex').slice(0, 32);
    const modified = options.modified ?? this.clock.now();
    item.row = { ...item.row, sizeBytes: item.bytes.length, etag, modified, content: item.row.id };
    this.#tree.setProperties(item, options.properties ?? []);
    return { created: !present, entry: item.row };
  }

  async amend(path: EntryPath, amendment: Amendment, options: PutOptions): Promise<EntryRow> {
    const reader = await this.open(path);
    reader.close();
    const before = this.#tree.find(path)!.bytes;
    const parts: Buffer[] = [];
    for await (const part of amendment.body) parts.push(part);
    if (this.#tree.find(path)?.bytes !== before) throw new DriveError('PRECONDITION_FAILED');
    const { from, offset } = amendment;
    const start = from === 'start' ? offset : Math.max(0, before.length - offset);
    const body = Buffer.concat(parts);
    const bytes = Buffer.alloc(Math.max(before.length, start + body.length));
    before.copy(bytes);
    body.copy(bytes, start);
    return (await this.put(path, new MemoryContent(bytes), options)).entry;
  }

  async makeFolder(
    path: EntryPath,
    options: ChangeOptions & { readonly modified?: number | undefined },
  ): Promise<EntryRow> {
    if (this.#tree.find(path)) throw new DriveError('EXISTS');
    this.#tree.parent(path);
    this.#check(path, options, { parentToo: true });
    const item = this.#tree.attach(path, 'folder');
    item.row = { ...item.row, modified: options.modified ?? item.row.modified };
    return item.row;
  }

  async delete(path: EntryPath, options: ChangeOptions): Promise<void> {
    const item = this.#tree.find(path);
    if (!item) throw new DriveError('NOT_FOUND');
    this.#check(path, options, { parentToo: true, tree: item });
    this.#tree.detach(path);
  }

  async move(
    path: EntryPath,
    target: EntryPath,
    options: Parameters<Volume['move']>[2],
  ): Promise<{ created: boolean }> {
    const { item, replaced } = this.#transfer(path, target, options);
    this.#check(path, options, { parentToo: true, tree: item });
    if (replaced && replaced !== item) this.#tree.detach(target);
    this.#tree.detach(path);
    const { parent, name } = this.#tree.place(target);
    item.row = { ...item.row, name, parent: parent.row.id };
    parent.children.set(keyOf(name), item);
    this.#tree.walk(item, (below) => {
      if (!options.locksFollow) below.locks = [];
    });
    return { created: !replaced || replaced === item };
  }

  async copy(
    path: EntryPath,
    target: EntryPath,
    options: Parameters<Volume['copy']>[2],
  ): Promise<{ created: boolean }> {
    const { item, replaced } = this.#transfer(path, target, options);
    if (replaced === item) throw new DriveError('FORBIDDEN');
    judge(options.conditions, path, (at) => this.#state(at));
    const clone = this.#tree.clone(item, options.depth);
    if (replaced) this.#tree.detach(target);
    const { parent, name } = this.#tree.place(target);
    clone.row = { ...clone.row, name, parent: parent.row.id };
    parent.children.set(keyOf(name), clone);
    return { created: !replaced };
  }

  async setProperties(
    path: EntryPath,
    changes: readonly PropertyChange[],
    options: Parameters<Volume['setProperties']>[2],
  ) {
    const item = this.#tree.find(path);
    if (!item) throw new DriveError('NOT_FOUND');
    this.#check(path, options, {});
    this.#tree.setProperties(item, changes);
    const { created = item.row.created, modified = item.row.modified } = options.times ?? {};
    item.row = { ...item.row, created, modified };
  }

  async lock(path: EntryPath, options: Parameters<Volume['lock']>[1]) {
    const { scope, depth, owner, timeoutMs } = options;
    judge(options.conditions, path, (at) => this.#state(at));
    const present = this.#tree.find(path);
    const below = present && depth === 'infinity' ? this.#lockRows(present) : [];
    const conflicts = [...this.#covering(path), ...below].filter(
      (row) => scope === 'exclusive' || row.scope === 'exclusive',
    );
    if (conflicts.length > 0)
      throw new DriveError('LOCKED', { details: { lockRoots: conflicts.map((row) => row.path) } });
    if (!present) {
      await this.put(path, new MemoryContent(Buffer.alloc(0)), { conditions: options.conditions });
    }
    const item = this.#tree.find(path)!;
    const token = `opaquelocktoken:${randomUuid(systemRandom)}`;
    const expires = this.clock.now() + timeoutMs;
    const row: LockRow = { token, entry: item.row.id, path, scope, depth, owner, principal: '', timeoutMs, expires };
    item.locks.push(row);
    this.#issued.add(token);
    return { created: !present, entry: item.row, lock: row };
  }

  async refreshLock(
    path: EntryPath,
    { conditions, timeoutMs }: Parameters<Volume['refreshLock']>[1],
  ): Promise<LockRow> {
    const named = conditions?.ifLists?.flatMap((list) => list.conditions.map(({ value }) => value)) ?? [];
    const row = this.#covering(path).find(({ token }) => named.includes(token));
    if (!row) throw new DriveError('PRECONDITION_FAILED');
    const item = this.#tree.find(row.path)!;
    const renewed = { ...row, timeoutMs, expires: this.clock.now() + timeoutMs };
    item.locks = item.locks.map((each) => (each.token === row.token ? renewed : each));
    return renewed;
  }

  async unlock(path: EntryPath, token: string): Promise<void> {
    const row = this.#covering(path).find((each) => each.token === token);
    if (row) {
      const item = this.#tree.find(row.path)!;
      item.locks = item.locks.filter((each) => each.token !== token);
    } else if (!this.#issued.has(token) || this.#lockRows(this.#tree.root).some((each) => each.token === token)) {
      throw new DriveError('LOCK_TOKEN_MISMATCH');
    }
  }

  async verify(path: EntryPath, options: ChangeOptions & { readonly forWriting: boolean }): Promise<void> {
    if (options.forWriting) this.#check(path, options, { parentToo: !this.#tree.find(path) });
    else judge(options.conditions, path, (at) => this.#state(at));
  }

  #transfer(path: EntryPath, target: EntryPath, options: ChangeOptions & { readonly overwrite: boolean }) {
    const item = this.#tree.find(path);
    if (!item) throw new DriveError('NOT_FOUND');
    if (path.length === 0 || target.length === 0) throw new DriveError('FORBIDDEN');
    const inside = (outer: EntryPath, inner: EntryPath) =>
      outer.every((name, at) => keyOf(name) === keyOf(inner[at] ?? ''));
    const same = path.length === target.length && path.every((name, at) => name === target[at]);
    const sameEntry = path.length === target.length && inside(path, target);
    if (same || (!sameEntry && (inside(path, target) || inside(target, path)))) throw new DriveError('FORBIDDEN');
    this.#tree.parent(target);
    if (Buffer.byteLength(target.at(-1)!) > 255) throw new DriveError('INVALID_NAME');
    const replaced = this.#tree.find(target);
    if (replaced && replaced !== item && !options.overwrite) throw new DriveError('PRECONDITION_FAILED');
    const locks = [
      ...this.#covering(replaced ? target : target.slice(0, -1)),
      ...(replaced ? this.#lockRows(replaced) : []),
    ];
    requireTokens(locks, options.conditions);
    return { item, replaced };
  }

  #check(path: EntryPath, options: ChangeOptions, scope: { readonly parentToo?: boolean; readonly tree?: Item }): void {
    judge(options.conditions, path, (at) => this.#state(at));
    const parentLocks = scope.parentToo ? this.#covering(path.slice(0, -1)) : [];
    const below = scope.tree ? this.#lockRows(scope.tree) : [];
    const own = this.#tree.find(path) ? this.#covering(path) : [];
    requireTokens(
      [...new Map([...parentLocks, ...own, ...below].map((row) => [row.token, row])).values()],
      options.conditions,
    );
  }

  #state(path: EntryPath): ResourceState {
    const item = this.#tree.find(path);
    const tokens = this.#covering(path).map(({ token }) => token);
    if (!item) return { tag: undefined, modified: 0, tokens };
    return { tag: item.row.etag === '' ? '' : `"${item.row.etag}"`, modified: item.row.modified, tokens };
  }

  #covering(path: EntryPath): LockRow[] {
    const rows: LockRow[] = [];
    for (let length = 0; length <= path.length; length += 1) {
      const here = path.slice(0, length);
      for (const row of this.#tree.find(here)?.locks ?? []) {
        const counts = length === path.length || row.depth === 'infinity';
        if (counts && row.expires > this.clock.now()) rows.push({ ...row, path: here });
      }
    }
    return rows;
  }

  #lockRows(item: Item): LockRow[] {
    const rows: LockRow[] = [];
    this.#tree.walk(item, (below) => rows.push(...below.locks));
    return rows;
  }
}
