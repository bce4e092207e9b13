/**
 * A disk of the simulated machine: a tree of folders and files, with what is durable of it. A name is durable when its
 * folder was synced, whatever happened to the file; a rename is atomic and as lost as any other name when it was not
 * synced. When the memory is gone, each folder keeps a prefix of its unsynced changes.
 */
import type { SeededRandom } from './seeded-random.js';
import { SimFile } from './sim-file.js';

export type SimItem = SimFile | SimFolder;

export interface NameChange {
  readonly name: string;
  /** null: removed. */
  readonly item: SimItem | null;
  /** Of a rename within the folder: the old name, which goes with it. */
  readonly replaces?: string;
  /** Of a rename between folders: its old name goes only if the new one came. */
  readonly onlyAfter?: NameChange;
}

export class SimFolder {
  readonly kind = 'folder';
  readonly inode: number;
  names = new Map<string, SimItem>();
  durableNames = new Map<string, SimItem>();
  unsynced: NameChange[] = [];

  constructor(inode: number) {
    this.inode = inode;
  }

  change(change: NameChange): NameChange {
    applyName(this.names, change);
    this.unsynced.push(change);
    return change;
  }

  sync(): void {
    for (const change of this.unsynced) {
      // Journaling file systems commit both sides of a rename together.
      applyName(this.durableNames, change);
    }
    this.unsynced = [];
  }
}

function applyName(names: Map<string, SimItem>, { name, item, replaces }: NameChange): void {
  if (replaces !== undefined) names.delete(replaces);
  if (item) names.set(name, item);
  else names.delete(name);
}

export type FaultKind = 'EIO' | 'ENOSPC' | 'EROFS' | 'ENODEV' | 'hang';
export type FaultedOperation = 'read' | 'write' | 'sync' | 'open' | 'name' | 'any';

export interface PlannedFault {
  readonly operation: FaultedOperation;
  readonly kind: FaultKind;
  /** Calls of this kind that go well before. */
  after: number;
  /** Every further call fails too. */
  readonly sticky: boolean;
  used: number;
}

let nextDevice = 100;

export class SimDisk {
  readonly name: string;
  device = nextDevice++;
  root: SimFolder;
  /** undefined: never full. */
  capacityBytes: number | undefined;
  /** A disk that says yes to every fsync and keeps it in its memory: a crash takes what is not really written. */
  isLying = false;
  faults: PlannedFault[] = [];
  /** Changes each time it is plugged in: files opened before are dead. */
  mounting = 0;
  #nextInode = 2;

  constructor(name: string) {
    this.name = name;
    this.root = new SimFolder(1);
  }

  newFile(): SimFile {
    return new SimFile(this.#nextInode++);
  }

  newFolder(): SimFolder {
    return new SimFolder(this.#nextInode++);
  }

  plan(fault: Omit<PlannedFault, 'used'>): PlannedFault {
    const planned = { ...fault, used: 0 };
    this.faults.push(planned);
    return planned;
  }

  /** The fault that this call meets, if any. */
  fault(operation: Exclude<FaultedOperation, 'any'>): FaultKind | undefined {
    for (const fault of this.faults) {
      if (fault.operation !== operation && fault.operation !== 'any') continue;
      if (fault.after-- > 0) continue;
      if (!fault.sticky) this.faults = this.faults.filter((other) => other !== fault);
      fault.used++;
      return fault.kind;
    }
    return undefined;
  }

  get usedBytes(): number {
    return filesBelow(this.root, (folder) => folder.names).reduce((sum, { file }) => sum + file.sizeBytes, 0);
  }

  /** All files, by path below the disk's root. `bytes` are not to be changed or kept. */
  files(): { readonly path: string; readonly file: SimFile; readonly bytes: Buffer }[] {
    return filesBelow(this.root, (folder) => folder.names).map((found) => ({ ...found, bytes: found.file.view() }));
  }

  /** What would be left if all that is not synced were lost. */
  durableFiles(): { readonly path: string; readonly bytes: Buffer }[] {
    const found = filesBelow(this.root, (folder) => folder.durableNames);
    return found.map(({ path, file }) => ({ path, bytes: file.durableView() }));
  }

  /** All that is in memory reaches the platter. */
  flush(): void {
    for (const folder of foldersOf(this.root)) folder.sync();
    for (const { file } of this.files()) file.sync();
  }

  /** Power is gone or the plug was pulled. */
  loseMemory(random: SeededRandom): void {
    const kept = new Set<NameChange>();
    const folders = foldersOf(this.root);
    for (const folder of folders) {
      const count = random.chance(0.2) ? folder.unsynced.length : random.below(folder.unsynced.length + 1);
      for (const change of folder.unsynced.slice(0, count)) kept.add(change);
    }
    for (const folder of folders) {
      for (const change of folder.unsynced) {
        const isDurable = change.onlyAfter === undefined || kept.has(change.onlyAfter) || !isPending(change, folders);
        if (kept.has(change) && isDurable) applyName(folder.durableNames, change);
      }
    }
    for (const folder of folders) {
      if (folder.unsynced.length === 0) continue;
      folder.unsynced = [];
      folder.names = new Map(folder.durableNames);
    }
    for (const { file } of this.files()) file.loseMemory(random);
  }

  /** What the platter holds now, as a state to put back. */
  snapshot(): SimFolder {
    const copy = copyOf(this.root, (file) => file.durableCopy());
    for (const folder of foldersOf(copy)) {
      folder.unsynced = [];
      folder.names = new Map(folder.durableNames);
    }
    return copy;
  }

  /** The same disk in another course of events, with what is in its memory. */
  fork(): SimDisk {
    const twin = new SimDisk(this.name);
    twin.device = this.device;
    twin.root = copyOf(this.root, (file) => file.fork());
    twin.capacityBytes = this.capacityBytes;
    twin.isLying = this.isLying;
    twin.faults = this.faults.map((fault) => ({ ...fault }));
    twin.mounting = this.mounting;
    twin.#nextInode = this.#nextInode;
    return twin;
  }

  /** Another disk with the same content, as `dd` or a backup makes it. */
  clone(): SimDisk {
    const twin = this.fork();
    twin.device = nextDevice++;
    twin.faults = [];
    twin.root = this.snapshot();
    return twin;
  }

  /** Equal for equal contents. */
  get hash(): string {
    return filesBelow(this.root, (folder) => folder.names)
      .filter(({ path }) => !isProbe(path))
      .map(({ path, file }) => `${path}\0${file.hash}`)
      .sort()
      .join('\0');
  }
}

/** Overwritten again and again, and never read. */
export const isProbe = (path: string): boolean => path.endsWith('/probe');

/** Copies of files are made by `copyFile`; without unsynced changes when these are not asked for by it. */
function copyOf(root: SimFolder, copyFile: (file: SimFile) => SimFile): SimFolder {
  const copied = new Map<SimItem, SimItem>();
  const changes = new Map<NameChange, NameChange>();
  const copyItem = (item: SimItem): SimItem => {
    const known = copied.get(item);
    if (known) return known;
    if (item.kind === 'file') {
      const file = copyFile(item);
      copied.set(item, file);
      return file;
    }
    const folder = new SimFolder(item.inode);
    copied.set(item, folder);
    for (const [name, child] of item.durableNames) folder.durableNames.set(name, copyItem(child));
    for (const [name, child] of item.names) folder.names.set(name, copyItem(child));
    folder.unsynced = item.unsynced.map(copyChange);
    return folder;
  };
  const copyChange = (change: NameChange): NameChange => {
    const known = changes.get(change);
    if (known) return known;
    const { item, onlyAfter } = change;
    const twin = {
      ...change,
      item: item && copyItem(item),
      ...(onlyAfter === undefined ? {} : { onlyAfter: copyChange(onlyAfter) }),
    };
    changes.set(change, twin);
    return twin;
  };
  return copyItem(root) as SimFolder;
}

/** Whether the name that this removal waits for is itself not durable yet. */
function isPending(change: NameChange, folders: readonly SimFolder[]): boolean {
  return folders.some((folder) => change.onlyAfter !== undefined && folder.unsynced.includes(change.onlyAfter));
}

function filesBelow(
  root: SimFolder,
  namesOf: (folder: SimFolder) => ReadonlyMap<string, SimItem>,
): { readonly path: string; readonly file: SimFile }[] {
  const found: { path: string; file: SimFile }[] = [];
  const walk = (folder: SimFolder, prefix: string) => {
    for (const [name, item] of namesOf(folder)) {
      if (item.kind === 'file') found.push({ path: `${prefix}/${name}`, file: item });
      else walk(item, `${prefix}/${name}`);
    }
  };
  walk(root, '');
  return found;
}

function foldersOf(root: SimFolder): SimFolder[] {
  const folders = new Set<SimFolder>();
  const walk = (folder: SimFolder) => {
    folders.add(folder);
    for (const names of [folder.names, folder.durableNames]) {
      for (const item of names.values()) if (item.kind === 'folder' && !folders.has(item)) walk(item);
    }
  };
  walk(root);
  return [...folders];
}
