/**
 * A volume as Windows wants to see it: names that differ in case only are the same, and what it could not open is shown
 * with look-alikes. Exact names always win. The names are found before the change is judged: of two clients that make
 * the same name in different case at the same moment, both get their entry.
 */
import { windowsName } from '../../core/text/windows-names.js';
import type {
  ChangeOptions,
  Conditions,
  ContentReader,
  EntryPath,
  EntryRow,
  IfList,
  LockRow,
  PropertyRow,
  SpaceReport,
  Upload,
  UploadOptions,
  Volume,
} from '../../volume/volume.js';

export class WindowsVolume implements Volume {
  readonly #inner: Volume;

  constructor(inner: Volume) {
    this.#inner = inner;
  }

  get id(): string {
    return this.#inner.id;
  }

  get name(): string {
    return this.#inner.name;
  }

  async stat(path: EntryPath): Promise<EntryRow | undefined> {
    return this.#inner.stat(await this.spelling(path));
  }

  spelling(path: EntryPath): Promise<EntryPath> {
    return this.#inner.spelling(path);
  }

  async *list(folder: EntryRow): AsyncGenerator<readonly EntryRow[]> {
    for await (const page of this.#inner.list(folder)) yield page.map(shown);
  }

  properties(entry: EntryRow): Promise<PropertyRow[]> {
    return this.#inner.properties(entry);
  }

  async locks(path: EntryPath): Promise<LockRow[]> {
    return this.#inner.locks(await this.spelling(path));
  }

  space(): Promise<SpaceReport> {
    return this.#inner.space();
  }

  async open(path: EntryPath): Promise<ContentReader> {
    return this.#inner.open(await this.spelling(path));
  }

  async upload({ under, ...options }: UploadOptions): Promise<Upload> {
    if (!under) return this.#inner.upload(options);
    return this.#inner.upload({ ...options, under: { ...under, path: await this.spelling(under.path) } });
  }

  async put(path: EntryPath, content: Parameters<Volume['put']>[1], options: Parameters<Volume['put']>[2]) {
    return this.#inner.put(await this.spelling(path), content, await this.#options(options));
  }

  async amend(path: EntryPath, amendment: Parameters<Volume['amend']>[1], options: Parameters<Volume['amend']>[2]) {
    return this.#inner.amend(await this.spelling(path), amendment, await this.#options(options));
  }

  async makeFolder(path: EntryPath, options: Parameters<Volume['makeFolder']>[1]): Promise<EntryRow> {
    return this.#inner.makeFolder(await this.spelling(path), await this.#options(options));
  }

  async delete(path: EntryPath, options: ChangeOptions): Promise<void> {
    return this.#inner.delete(await this.spelling(path), await this.#options(options));
  }

  async move(path: EntryPath, target: EntryPath, options: Parameters<Volume['move']>[2]) {
    const source = await this.spelling(path);
    const spelled = await this.spelling(target);
    const [from, to] = await Promise.all([this.#inner.stat(source), this.#inner.stat(spelled)]);
    // Onto itself it is a rename: then the spelling is what is wanted.
    const isItself = from !== undefined && from.id === to?.id;
    const place = isItself ? [...spelled.slice(0, -1), ...target.slice(-1)] : spelled;
    return this.#inner.move(source, place, await this.#options(options));
  }

  async copy(path: EntryPath, target: EntryPath, options: Parameters<Volume['copy']>[2]) {
    return this.#inner.copy(await this.spelling(path), await this.spelling(target), await this.#options(options));
  }

  async setProperties(
    path: EntryPath,
    changes: Parameters<Volume['setProperties']>[1],
    options: Parameters<Volume['setProperties']>[2],
  ): Promise<void> {
    return this.#inner.setProperties(await this.spelling(path), changes, await this.#options(options));
  }

  async lock(path: EntryPath, options: Parameters<Volume['lock']>[1]) {
    return this.#inner.lock(await this.spelling(path), await this.#options(options));
  }

  async refreshLock(path: EntryPath, options: Parameters<Volume['refreshLock']>[1]): Promise<LockRow> {
    return this.#inner.refreshLock(await this.spelling(path), await this.#options(options));
  }

  async unlock(path: EntryPath, token: string, options: ChangeOptions): Promise<void> {
    return this.#inner.unlock(await this.spelling(path), token, await this.#options(options));
  }

  async verify(path: EntryPath, options: Parameters<Volume['verify']>[1]): Promise<void> {
    return this.#inner.verify(await this.spelling(path), await this.#options(options));
  }

  /** The tags of an `If` header are paths, too. */
  async #options<T extends { readonly conditions?: Conditions | undefined }>(options: T): Promise<T> {
    const { conditions } = options;
    if (!conditions?.ifLists) return options;
    const ifLists: IfList[] = await Promise.all(
      conditions.ifLists.map(async (list) => {
        const isPath = list.resource !== 'request' && list.resource !== null;
        return isPath ? { ...list, resource: await this.spelling(list.resource as EntryPath) } : list;
      }),
    );
    return { ...options, conditions: { ...conditions, ifLists } };
  }
}

function shown(row: EntryRow): EntryRow {
  const name = windowsName(row.name);
  return name === row.name ? row : { ...row, name };
}
