/**
 * A volume as a file system of webdav-server: for its own API and mount table here, and for programs that mount a drive
 * into a webdav-server application of their own. Requests of this program do not come through here. That library judges
 * DAV locks itself, by user; what it lets through is done with the tokens of that user's locks.
 */
import { Readable, Writable } from 'node:stream';
import { v2 as webdav } from 'webdav-server';
import { DriveError } from '../../core/errors.js';
import { contentTypeOf } from '../../http/content-types.js';
import type { ChangeOptions, EntryRow, Upload, Volume } from '../../volume/volume.js';
import { noChecksums } from '../body/checksums.js';
import { type Callback, libraryError, settle } from './library-callbacks.js';
import { submitting, userOf, VolumeLocks } from './library-locks.js';
import { libraryBag, setLibraryProperty } from './library-properties.js';

class VolumeSerializer implements webdav.FileSystemSerializer {
  constructor(readonly volumeId: string) {}

  uid(): string {
    return `holdfast-volume-${this.volumeId}`;
  }

  serialize(_fs: webdav.FileSystem, callback: webdav.ReturnCallback<object>): void {
    callback(undefined, { volume: this.volumeId });
  }

  unserialize(_data: unknown, callback: webdav.ReturnCallback<webdav.FileSystem>): void {
    callback(webdav.Errors.InvalidOperation);
  }
}

export class VolumeFileSystem extends webdav.FileSystem {
  readonly volume: Volume;

  constructor(volume: Volume) {
    super(new VolumeSerializer(volume.id));
    this.volume = volume;
  }

  override _fastExistCheck(
    _context: webdav.RequestContext,
    path: webdav.Path,
    callback: (exists: boolean) => void,
  ): void {
    this.volume.stat(path.paths).then(
      (entry) => callback(entry !== undefined),
      () => callback(false),
    );
  }

  override _type(path: webdav.Path, _info: webdav.TypeInfo, callback: Callback<webdav.ResourceType>): void {
    const type = ({ kind }: EntryRow) => (kind === 'folder' ? webdav.ResourceType.Directory : webdav.ResourceType.File);
    settle(this.#entry(path).then(type), callback);
  }

  override _size(path: webdav.Path, _info: webdav.SizeInfo, callback: Callback<number>): void {
    settle(
      this.#entry(path).then(({ sizeBytes }) => sizeBytes),
      callback,
    );
  }

  override _etag(path: webdav.Path, _info: webdav.ETagInfo, callback: Callback<string>): void {
    settle(
      this.#entry(path).then(({ etag }) => etag),
      callback,
    );
  }

  override _creationDate(path: webdav.Path, _info: webdav.CreationDateInfo, callback: Callback<number>): void {
    settle(
      this.#entry(path).then(({ created }) => created),
      callback,
    );
  }

  override _lastModifiedDate(path: webdav.Path, _info: webdav.LastModifiedDateInfo, callback: Callback<number>): void {
    settle(
      this.#entry(path).then(({ modified }) => modified),
      callback,
    );
  }

  override _displayName(path: webdav.Path, _info: webdav.DisplayNameInfo, callback: Callback<string>): void {
    settle(
      this.#entry(path).then(({ name }) => name),
      callback,
    );
  }

  override _mimeType(path: webdav.Path, _info: webdav.MimeTypeInfo, callback: Callback<string>): void {
    settle(
      this.#entry(path).then(({ name }) => contentTypeOf(name)),
      callback,
    );
  }

  override _readDir(path: webdav.Path, _info: webdav.ReadDirInfo, callback: Callback<string[]>): void {
    settle(this.#names(path), callback);
  }

  override _create(path: webdav.Path, { type, context }: webdav.CreateInfo, callback: webdav.SimpleCallback): void {
    const work = async (): Promise<unknown> => {
      const options = await this.#options(path, context);
      return type.isDirectory ? this.volume.makeFolder(path.paths, options) : this.#storeEmpty(path, options);
    };
    settle(work(), (error) => callback(error));
  }

  override _delete(path: webdav.Path, { context }: webdav.DeleteInfo, callback: webdav.SimpleCallback): void {
    const work = this.#options(path, context).then((options) => this.volume.delete(path.paths, options));
    settle(work, (error) => callback(error));
  }

  override _move(from: webdav.Path, to: webdav.Path, info: webdav.MoveInfo, callback: Callback<boolean>): void {
    const { overwrite, context } = info;
    const work = async (): Promise<boolean> => {
      const options = await this.#options(from, context, to);
      const { created } = await this.volume.move(from.paths, to.paths, { ...options, overwrite });
      return !created;
    };
    settle(work(), callback);
  }

  override _copy(from: webdav.Path, to: webdav.Path, info: webdav.CopyInfo, callback: Callback<boolean>): void {
    const { overwrite, context } = info;
    const depth = info.depth === 0 ? 0 : 'infinity';
    const work = async (): Promise<boolean> => {
      const options = await this.#options(to, context);
      const { created } = await this.volume.copy(from.paths, to.paths, { ...options, overwrite, depth });
      return !created;
    };
    settle(work(), callback);
  }

  override _openReadStream(path: webdav.Path, _info: webdav.OpenReadStreamInfo, callback: Callback<Readable>): void {
    settle(this.#reader(path), callback);
  }

  override _openWriteStream(path: webdav.Path, info: webdav.OpenWriteStreamInfo, callback: Callback<Writable>): void {
    const expectedBytes = info.estimatedSize >= 0 ? info.estimatedSize : undefined;
    const work = async (): Promise<Writable> => {
      const options = await this.#options(path, info.context);
      const upload = await this.volume.upload({ expectedBytes, under: { path: path.paths, ...options } });
      return this.#writable(path, upload, options);
    };
    settle(work(), callback);
  }

  override _lockManager(
    path: webdav.Path,
    { context }: webdav.LockManagerInfo,
    callback: Callback<webdav.ILockManager>,
  ): void {
    callback(undefined, new VolumeLocks(this.volume, path.paths, userOf(context)));
  }

  override _propertyManager(
    path: webdav.Path,
    { context }: webdav.PropertyManagerInfo,
    callback: Callback<webdav.IPropertyManager>,
  ): void {
    const bag = async (): Promise<webdav.PropertyBag> =>
      libraryBag(await this.volume.properties(await this.#entry(path)));
    const change = async (key: string, value: webdav.ResourcePropertyValue | null): Promise<void> => {
      const options = await this.#options(path, context);
      await setLibraryProperty(this.volume, await this.#entry(path), { path: path.paths, key, value, options });
    };
    callback(undefined, {
      getProperties: (done) => settle(bag(), done),
      getProperty: (key, done) =>
        bag().then(
          (all) => (all[key] ? done(undefined, all[key].value) : done(webdav.Errors.PropertyNotFound)),
          (error) => done(libraryError(error)),
        ),
      setProperty: (key, value, _attributes, done) => settle(change(key, value), (error) => done(error)),
      removeProperty: (key, done) => settle(change(key, null), (error) => done(error)),
    });
  }

  /** As the user, holding the tokens of the user's locks at the paths: the library has judged locks by user. */
  async #options(path: webdav.Path, context: webdav.RequestContext, other?: webdav.Path): Promise<ChangeOptions> {
    const principal = userOf(context);
    const rows = await Promise.all([path, ...(other ? [other] : [])].map((each) => this.volume.locks(each.paths)));
    const own = rows.flat().filter((row) => row.principal === principal);
    return own.length === 0 ? { principal } : { principal, conditions: { ifLists: submitting(own) } };
  }

  async #entry(path: webdav.Path): Promise<EntryRow> {
    const entry = await this.volume.stat(path.paths);
    if (!entry) throw new DriveError('NOT_FOUND');
    return entry;
  }

  async #names(path: webdav.Path): Promise<string[]> {
    const names: string[] = [];
    for await (const page of this.volume.list(await this.#entry(path))) names.push(...page.map(({ name }) => name));
    return names;
  }

  async #reader(path: webdav.Path): Promise<Readable> {
    const reader = await this.volume.open(path.paths);
    const stream = Readable.from(reader.read({ start: 0, end: reader.sizeBytes }));
    return stream.once('close', () => reader.close());
  }

  async #storeEmpty(path: webdav.Path, options: ChangeOptions): Promise<void> {
    const upload = await this.volume.upload({ path: path.paths });
    await this.volume.put(path.paths, await upload.finish(), options);
  }

  /** Commits at its end; a stream that is destroyed before leaves nothing. */
  #writable(path: webdav.Path, upload: Upload, options: ChangeOptions): Writable {
    const { volume } = this;
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => settle(upload.write(chunk), (error) => done(error)),
      final: (done) => {
        const put = { ...options, properties: [noChecksums] };
        const work = upload.finish().then((content) => volume.put(path.paths, content, put));
        settle<unknown>(work, (error) => done(error));
      },
      destroy: (error, done) => settle(upload.abort(), () => done(error)),
    });
  }
}
