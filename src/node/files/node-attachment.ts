/**
 * Who lies at a node's path. *Attaching* reads the passport and remembers its device; whatever is opened afterwards must
 * lie on that device. Detaching ends an attachment for good: what was opened under it is not used again.
 * A missing file or folder means NODE_GONE unless passport, device and folder are seen: an unplugged disk leaves an
 * empty mount point behind, where everything is merely "missing". Makes no folder and writes nothing by itself.
 */
import { join, sep } from 'node:path';
import { assert } from '../../core/assert.js';
import type { Clock } from '../../core/clock.js';
import { DriveError, hasCode } from '../../core/errors.js';
import type { FileIo, FileStat, OpenFile, OpenMode } from '../../core/file-io.js';
import type { NodeId } from '../../core/ids.js';
import { nodeFolderName, nodeFolders } from '../node-directory.js';
import type { NodeFolder } from '../node-store.js';
import { passportFileName, readPassport } from '../passport.js';

/** Why a NODE_GONE: its `details.reason`. Of calls that got no answer in time it is 'deadline'. */
export type GoneReason = 'absent' | 'foreign' | 'corrupt' | 'newer' | 'device' | 'folder' | 'released';

export interface Attachment {
  readonly device: number;
  readonly generation: number;
}

/** Names that end so are of files that are not whole yet; they count as absent. */
export const temporarySuffix = '.tmp';
/** Two changes in one tick of a file system's clock (2 s at most) look like one. */
const settledMs = 5000;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

export class NodeAttachment {
  readonly #id: NodeId;
  readonly #path: string;
  readonly #volume: string;
  readonly #io: FileIo;
  readonly #clock: Clock;
  readonly #passportPath: string;
  /** The folder that bears the node's id. */
  readonly root: string;
  readonly #folderPaths: ReadonlyMap<NodeFolder, string>;
  #attaching: Promise<Attachment> | undefined;
  /** The passport's file as it was when it was last read and found good; undefined when a later change might not show. */
  #seen: FileStat | undefined;
  #generation = 0;

  constructor(options: {
    readonly id: NodeId;
    readonly path: string;
    readonly volume: string;
    readonly io: FileIo;
    readonly clock: Clock;
  }) {
    this.#id = options.id;
    this.#path = options.path;
    this.#volume = options.volume;
    this.#io = options.io;
    this.#clock = options.clock;
    this.#passportPath = join(options.path, passportFileName);
    this.root = join(options.path, nodeFolderName(options.id));
    this.#folderPaths = new Map(nodeFolders.map((folder) => [folder, join(this.root, folder)]));
  }

  /** The attachment that is there, or a new one. NODE_GONE. */
  async attach(): Promise<Attachment> {
    const generation = this.#generation;
    this.#attaching ??= this.#readDevice().then((device) => ({ device, generation }));
    const attaching = this.#attaching;
    try {
      return await attaching;
    } catch (error) {
      if (this.#attaching === attaching) this.#attaching = undefined;
      throw error;
    }
  }

  detach(): void {
    this.#attaching = undefined;
    this.#generation += 1;
  }

  isCurrent(attachment: Attachment): boolean {
    return attachment.generation === this.#generation;
  }

  /** The attachment that is there, its passport read again, or a new one. NODE_GONE. */
  async verified(): Promise<Attachment> {
    const isNew = this.#attaching === undefined;
    const attachment = await this.attach();
    if (!isNew) await this.verify(attachment);
    return attachment;
  }

  /** Reads the passport again: it is this node's and lies where it lay when the node was attached. NODE_GONE. */
  async verify(attachment: Attachment): Promise<void> {
    const device = await this.#readDevice();
    if (device !== attachment.device) throw this.gone('device', 'another file system lies at its path now');
  }

  /**
   * The same in one call to the disk where the file is the one, unchanged, that was read last; else it is read. For what
   * happens often: every probe reads it. NODE_GONE.
   */
  async glance(attachment: Attachment): Promise<void> {
    const seen = this.#seen;
    const stat = seen && (await this.#io.stat(this.#passportPath));
    const isSame = seen?.device === attachment.device && isSameFile(seen, stat);
    if (!isSame) await this.verify(attachment);
  }

  /** Opens a file below a folder that is seen to be there, on the node's device. NODE_GONE, FILE_MISSING, EXISTS. */
  async openFile(folder: NodeFolder, path: string, mode: OpenMode, attachment: Attachment): Promise<OpenFile> {
    // Before a file is made, not only after: one made on the wrong disk could not be taken back safely.
    if (mode === 'create') await this.#requireFolder(folder, attachment);
    const file = await this.inFolder(folder, () => this.#io.open(path, mode));
    try {
      await this.requireDevice(file, attachment);
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  async requireDevice(file: OpenFile, attachment: Attachment): Promise<void> {
    const { device } = await file.stat();
    if (device !== attachment.device)
      throw this.gone('device', 'its files lie on another file system than its passport');
  }

  /** Runs `work`; its FILE_MISSING stays only when the node and the folder are there, else it is NODE_GONE. */
  async inFolder<T>(folder: NodeFolder, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (hasCode(error, 'FILE_MISSING')) await this.#requireFolder(folder, await this.attach());
      throw error;
    }
  }

  folderPath(folder: NodeFolder): string {
    return this.#folderPaths.get(folder)!;
  }

  filePath(folder: NodeFolder, name: string): string {
    assert(namePattern.test(name) && !name.endsWith(temporarySuffix), `not a name of a node's file: ${name}`);
    return `${this.folderPath(folder)}${sep}${name}`;
  }

  gone(reason: GoneReason, problem: string, cause?: unknown): DriveError {
    return new DriveError('NODE_GONE', {
      message: `node at ${this.#path}: ${problem}`,
      details: { node: this.#id, path: this.#path, reason },
      cause,
      hint: goneHints[reason],
    });
  }

  /** The folder that bears the node's id is there, on the node's device. NODE_GONE. */
  verifyRoot(attachment: Attachment): Promise<void> {
    return this.#verifyFolder(this.root, attachment);
  }

  async #requireFolder(folder: NodeFolder, attachment: Attachment): Promise<void> {
    await this.glance(attachment);
    await this.#verifyFolder(this.folderPath(folder), attachment);
  }

  async #verifyFolder(path: string, attachment: Attachment): Promise<void> {
    const stat = await this.#io.stat(path);
    if (stat?.kind !== 'folder') throw this.gone('folder', `its folder ${path} is not there`);
    if (stat.device !== attachment.device) throw this.gone('device', `${path} is another file system`);
  }

  async #readDevice(): Promise<number> {
    try {
      const { passport, stat } = await readPassport(this.#io, this.#path);
      if (passport.volume === this.#volume && passport.node === this.#id) {
        this.#seen = this.#clock.now() - stat.changedMs > settledMs ? stat : undefined;
        return stat.device;
      }
      throw this.gone('foreign', `node ${passport.node} of volume ${passport.volume} lies there`);
    } catch (error) {
      if (hasCode(error, 'FILE_MISSING')) throw this.gone('absent', 'its passport is not there', error);
      if (hasCode(error, 'CORRUPT')) throw this.gone('corrupt', 'its passport is damaged', error);
      if (hasCode(error, 'NEWER_FORMAT'))
        throw this.gone('newer', 'its passport was written by a newer version of holdfast', error);
      // Nothing was to be written: not even reading is allowed here.
      if (hasCode(error, 'NODE_READ_ONLY')) throw this.gone('absent', 'its passport may not be read', error);
      throw error;
    }
  }
}

/** A file system that tells no time of change could hide one. */
function isSameFile(seen: FileStat, now: FileStat | undefined): boolean {
  if (now === undefined || now.changedMs === 0) return false;
  const { device, inode, sizeBytes, changedMs, kind } = seen;
  return (
    now.device === device &&
    now.inode === inode &&
    now.sizeBytes === sizeBytes &&
    now.changedMs === changedMs &&
    now.kind === kind
  );
}

const goneHints: Readonly<Record<GoneReason, string>> = {
  absent: 'plug the disk in, or mount it at this path',
  foreign: "unmount what lies there and mount this node's disk at this path",
  corrupt: 'put the passport back from a copy, or remove the node as lost',
  newer: 'use that version; nothing on this node is touched',
  device: "mount this node's disk at this path again",
  folder: 'the folders of the node were moved or deleted: put them back, or remove the node as lost',
  released: 'try again when the node is back',
};
