/** DAV locks of a volume for webdav-server, which knows whose a lock is but not which tokens a request brings. */
import { v2 as webdav } from 'webdav-server';
import type { EntryPath, IfList, LockRow, Volume } from '../../volume/volume.js';
import { escapeXml } from '../xml/xml-writer.js';
import { type Callback, settle } from './library-callbacks.js';

/** '' where the application has no users. */
export function userOf(context: webdav.RequestContext): string {
  return context.user?.uid ?? '';
}

/** Lists that submit the tokens and hold in any case: a lock may end meanwhile. */
export function submitting(rows: readonly LockRow[]): IfList[] {
  const always: IfList = { resource: 'request', conditions: [{ not: true, kind: 'token', value: 'DAV:no-lock' }] };
  return [always, ...rows.map(({ token }) => listOf(token))];
}

const listOf = (token: string): IfList => ({
  resource: 'request',
  conditions: [{ not: false, kind: 'token', value: token }],
});

export class VolumeLocks implements webdav.ILockManager {
  readonly #volume: Volume;
  readonly #path: EntryPath;
  readonly #principal: string;

  constructor(volume: Volume, path: EntryPath, principal: string) {
    this.#volume = volume;
    this.#path = path;
    this.#principal = principal;
  }

  getLocks(callback: Callback<webdav.Lock[]>): void {
    settle(this.#own(), callback);
  }

  getLock(token: string, callback: Callback<webdav.Lock>): void {
    settle(
      this.#own().then((all) => all.find(({ uuid }) => uuid === token)!),
      callback,
    );
  }

  /** The volume makes tokens of its own: the lock is told its one. */
  setLock(lock: webdav.Lock, callback: webdav.SimpleCallback): void {
    const work = async (): Promise<void> => {
      const { lock: granted } = await this.#volume.lock(this.#path, {
        principal: lock.userUid ?? this.#principal,
        scope: lock.lockKind.scope.isSame(webdav.LockScope.Exclusive) ? 'exclusive' : 'shared',
        depth: lock.depth === 0 ? 0 : 'infinity',
        owner: typeof lock.owner === 'string' ? escapeXml(lock.owner) : '',
        timeoutMs: lock.lockKind.timeout * 1000,
      });
      lock.uuid = granted.token;
    };
    settle(work(), (error) => callback(error));
  }

  removeLock(token: string, callback: Callback<boolean>): void {
    const work = this.#volume.unlock(this.#path, token, { principal: this.#principal });
    settle(
      work.then(() => true),
      callback,
    );
  }

  refresh(token: string, timeoutSeconds: number, callback: Callback<webdav.Lock>): void {
    const options = { principal: this.#principal, conditions: { ifLists: [listOf(token)] } };
    const work = this.#volume.refreshLock(this.#path, { ...options, timeoutMs: timeoutSeconds * 1000 });
    settle(work.then(libraryLock), callback);
  }

  /** Without inherited ones: the library goes up by itself. */
  async #own(): Promise<webdav.Lock[]> {
    const rows = await this.#volume.locks(this.#path);
    return rows.filter(({ path }) => path.length === this.#path.length).map(libraryLock);
  }
}

function libraryLock(row: LockRow): webdav.Lock {
  const scope = row.scope === 'exclusive' ? webdav.LockScope.Exclusive : webdav.LockScope.Shared;
  const kind = new webdav.LockKind(scope, webdav.LockType.Write, row.timeoutMs / 1000);
  const lock = new webdav.Lock(kind, row.principal, row.owner, row.depth === 0 ? 0 : -1);
  lock.uuid = row.token;
  lock.expirationDate = row.expires;
  return lock;
}
