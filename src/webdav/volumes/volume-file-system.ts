/**
 * webdav-server's FileSystem contract over a Volume, so that the library's own API and mount table work (a program that
 * embeds the drive may use them). Requests do not come through here. Locks and properties can be read; changing them
 * needs the protocol, which knows about conditions.
 */
import { Readable, Writable } from 'node:stream';
import { v2 as webdav } from 'webdav-server';
import { asDriveError, DriveError, type ErrorCode } from '../../core/errors.js';
import { contentTypeOf } from '../../http/content-types.js';
import type { EntryRow, Upload, Volume } from '../../volume/volume.js';

type Callback<T> = (error?: Error, data?: T) => void;

const libraryErrors: Partial<Record<ErrorCode, Error>> = {
  NOT_FOUND: webdav.Errors.ResourceNotFound,
  PARENT_MISSING: webdav.Errors.IntermediateResourceMissing,
  EXISTS: webdav.Errors.ResourceAlreadyExists,
  FORBIDDEN: webdav.Errors.Forbidden,
  LOCKED: webdav.Errors.Locked,
  OUT_OF_SPACE: webdav.Errors.InsufficientStorage,
};

function libraryError(error: unknown): Error {
  const known = asDriveError(error);
  return libraryErrors[known.code] ?? known;
}

function settle<T>(work: Promise<T>, callback: Callback<T>): void {
  work.then(
    (data) => callback(undefined, data),
    (error) => callback(libraryError(error)),
  );
}

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

  override _create(path: webdav.Path, { type }: webdav.CreateInfo, callback: webdav.SimpleCallback): void {
    const work = type.isDirectory ? this.volume.makeFolder(path.paths, {}) : this.#store(path, []);
    settle<unknown>(work, (error) => callback(error));
  }

  override _delete(path: webdav.Path, _info: webdav.DeleteInfo, callback: webdav.SimpleCallback): void {
    settle(this.volume.delete(path.paths, {}), (error) => callback(error));
  }

  override _move(from: webdav.Path, to: webdav.Path, info: webdav.MoveInfo, callback: Callback<boolean>): void {
    const work = this.volume.move(from.paths, to.paths, { overwrite: info.overwrite });
    settle(
      work.then(({ created }) => !created),
      callback,
    );
  }

  override _copy(from: webdav.Path, to: webdav.Path, info: webdav.CopyInfo, callback: Callback<boolean>): void {
    const depth = info.depth === 0 ? 0 : 'infinity';
    const work = this.volume.copy(from.paths, to.paths, { overwrite: info.overwrite, depth });
    settle(
      work.then(({ created }) => !created),
      callback,
    );
  }

  override _openReadStream(path: webdav.Path, _info: webdav.OpenReadStreamInfo, callback: Callback<Readable>): void {
    settle(this.#reader(path), callback);
  }

  override _openWriteStream(path: webdav.Path, info: webdav.OpenWriteStreamInfo, callback: Callback<Writable>): void {
    const expectedBytes = info.estimatedSize >= 0 ? info.estimatedSize : undefined;
    settle(
      this.volume.upload({ expectedBytes }).then((upload) => this.#writable(path, upload)),
      callback,
    );
  }

  override _lockManager(
    path: webdav.Path,
    _info: webdav.LockManagerInfo,
    callback: Callback<webdav.ILockManager>,
  ): void {
    const locks = async (): Promise<webdav.Lock[]> => (await this.volume.locks(path.paths)).map(libraryLock);
    callback(undefined, {
      getLocks: (done) => settle(locks(), done),
      getLock: (token, done) =>
        settle(
          locks().then((all) => all.find(({ uuid }) => uuid === token)!),
          done,
        ),
      setLock: (_lock, done) => done(webdav.Errors.InvalidOperation),
      removeLock: (_token, done) => done(webdav.Errors.InvalidOperation),
      refresh: (_token, _timeout, done) => done(webdav.Errors.InvalidOperation),
    });
  }

  override _propertyManager(
    path: webdav.Path,
    _info: webdav.PropertyManagerInfo,
    callback: Callback<webdav.IPropertyManager>,
  ): void {
    const bag = async (): Promise<webdav.PropertyBag> => {
      const rows = await this.volume.properties(await this.#entry(path));
      return Object.fromEntries(rows.map(({ namespace, name, value }) => [`${namespace}${name}`, { value }]));
    };
    callback(undefined, {
      getProperties: (done) => settle(bag(), done),
      getProperty: (name, done) =>
        settle(
          bag().then((all) => all[name]?.value ?? ''),
          done,
        ),
      setProperty: (_name, _value, _attributes, done) => done(webdav.Errors.InvalidOperation),
      removeProperty: (_name, done) => done(webdav.Errors.InvalidOperation),
    });
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

  async #store(path: webdav.Path, parts: readonly Buffer[]): Promise<void> {
    const upload = await this.volume.upload({});
    for (const part of parts) await upload.write(part);
    await this.volume.put(path.paths, await upload.finish(), {});
  }

  /** Commits at its end; a stream that is destroyed before leaves nothing. */
  #writable(path: webdav.Path, upload: Upload): Writable {
    const { volume } = this;
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => settle(upload.write(chunk), (error) => done(error)),
      final: (done) => {
        const work = upload.finish().then((content) => volume.put(path.paths, content, {}));
        settle<unknown>(work, (error) => done(error));
      },
      destroy: (error, done) => settle(upload.abort(), () => done(error)),
    });
  }
}

function libraryLock(row: {
  readonly scope: 'exclusive' | 'shared';
  readonly token: string;
  readonly timeoutMs: number;
}): webdav.Lock {
  const scope = row.scope === 'exclusive' ? webdav.LockScope.Exclusive : webdav.LockScope.Shared;
  const lock = new webdav.Lock(new webdav.LockKind(scope, webdav.LockType.Write, row.timeoutMs / 1000), '', '');
  lock.uuid = row.token;
  return lock;
}
