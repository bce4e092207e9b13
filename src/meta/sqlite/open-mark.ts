/**
 * A mark beside an index that is open, so that it can be used at once after its process was killed. SQLite changes the file
 * only when it folds its log (WAL) into it; the mark says how the file was left by the last folding, and which log goes on
 * from there. Where both are still so, file and log are one state of the index, whatever was committed last. It is written
 * after each folding and never synced: what a power cut leaves of it is old and does not match, or still true. Without a
 * mark that matches, every row is verified first.
 */
import { asDriveError, hasCode } from '../../core/errors.js';
import type { FileIo } from '../../core/file-io.js';
import type { WalState } from '../meta-store.js';
import { type FileState, isStateOf, markText, parseMark, readMark, stateOf } from './index-mark.js';

export const openMarkSuffix = '-open';

/** Numbers in a log's header that change each time it begins anew: the first one by 1, the second one by chance. */
type Salts = readonly [number, number];

interface Mark extends FileState {
  readonly salts: Salts;
  /** Frames of this log that are in the file. */
  readonly folded: number;
  /** All of them: the log may begin anew. */
  readonly isWhole: boolean;
}

/** Longer than any mark: one is written over the other. */
const textLength = 512;
const saltsOffset = 16;
const walHeaderBytes = 32;

/** How many frames the log must have; undefined when file and log may be of different moments. */
export async function framesExpected(fileIo: FileIo, file: string): Promise<number | undefined> {
  const mark = parseMark<Mark>(await readMark(fileIo, file + openMarkSuffix));
  const wal = await fileIo.stat(`${file}-wal`);
  if (mark === undefined || wal === undefined || !isStateOf(mark, await fileIo.stat(file))) return undefined;
  const salts = await saltsOf(fileIo, file);
  // Cut to nothing by SQLite itself, and not begun anew yet.
  if (salts === undefined) return wal.sizeBytes === 0 && mark.isWhole ? 0 : undefined;
  if (salts[0] === mark.salts[0] && salts[1] === mark.salts[1]) return mark.folded;
  return mark.isWhole && salts[0] === (mark.salts[0] + 1) >>> 0 ? 0 : undefined;
}

export class OpenMark {
  readonly #fileIo: FileIo;
  readonly #file: string;
  readonly #onTrouble: (error: Error) => void;
  #turn: Promise<void> = Promise.resolve();
  #salts: Salts | undefined;
  #isTold = false;

  /** `onTrouble`: told once. */
  constructor(options: { fileIo: FileIo; file: string; onTrouble: (error: Error) => void }) {
    this.#fileIo = options.fileIo;
    this.#file = options.file;
    this.#onTrouble = options.onTrouble;
  }

  /** The log has begun (anew), or was folded into the file. */
  note(state: WalState): void {
    this.#turn = this.#turn
      .then(() => this.#write(state))
      .catch((error: unknown) => {
        if (!this.#isTold) this.#onTrouble(asDriveError(error));
        this.#isTold = true;
      });
  }

  /** Resolves when what was noted is written. */
  settled(): Promise<void> {
    return this.#turn;
  }

  async #write({ frames, folded }: WalState): Promise<void> {
    // A log that was cut to nothing begins anew with the next salts.
    this.#salts = (await saltsOf(this.#fileIo, this.#file)) ?? this.#salts;
    const state = stateOf(await this.#fileIo.stat(this.#file));
    if (state === undefined || this.#salts === undefined) return;
    const mark: Mark = { ...state, salts: this.#salts, folded, isWhole: folded === frames };
    const handle = await openOrMake(this.#fileIo, this.#file + openMarkSuffix);
    try {
      await handle.write([Buffer.from(markText(mark).padEnd(textLength))], 0);
    } finally {
      await handle.close();
    }
  }
}

async function openOrMake(fileIo: FileIo, path: string): ReturnType<FileIo['open']> {
  try {
    return await fileIo.open(path, 'write');
  } catch (error) {
    if (!hasCode(error, 'FILE_MISSING')) throw error;
    return fileIo.open(path, 'create');
  }
}

/** undefined when the log is absent or has no header yet. */
async function saltsOf(fileIo: FileIo, file: string): Promise<Salts | undefined> {
  try {
    const handle = await fileIo.open(`${file}-wal`, 'read');
    try {
      const header = Buffer.alloc(walHeaderBytes);
      if ((await handle.read(header, 0)) < walHeaderBytes) return undefined;
      return [header.readUInt32BE(saltsOffset), header.readUInt32BE(saltsOffset + 4)];
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!hasCode(error, 'FILE_MISSING')) throw error;
    return undefined;
  }
}
