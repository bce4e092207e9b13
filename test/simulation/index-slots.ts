/**
 * Indexes that can be put back to any of their commits in microseconds, because opening SQLite would cost more than all
 * the rest of an opening. A slot is a real database in WAL mode whose connections stay open between simulated
 * processes. The states of one line share its database file, and each is a prefix of its WAL: to go back, the bytes of
 * the WAL are put there again, and the header of the WAL index is set to that commit, as SQLite itself leaves it when a
 * writer dies behind it. No WAL is ever folded into the file while a slot is in use.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptConnection, keptFiles, openReal, type RealConnection } from './sim-database.js';

const pageBytes = 4096;
/** Of the WAL index: two equal copies, https://sqlite.org/walformat.html. */
const headerBytes = 48;
const framesAt = 16;

export interface IndexCommit {
  /** Of the WAL index. */
  readonly header: Buffer;
  readonly isFull: boolean;
}

/** A database file and the WAL that grew behind it. */
export interface IndexLine {
  readonly database: Buffer;
  wal: Buffer;
  walIndex: Buffer;
}

export interface IndexState {
  readonly line: IndexLine;
  readonly commit: IndexCommit;
}

export function walBytesOf({ header }: IndexCommit): number {
  const frames = header.readUInt32LE(framesAt);
  return frames === 0 ? 0 : 32 + frames * (pageBytes + 24);
}

/** Of all of the state, for telling states apart. */
export const nameOf = ({ line, commit }: IndexState): string => `${lineNumber(line)}:${walBytesOf(commit)}`;

const lineNumbers = new WeakMap<IndexLine, number>();
let lastLine = 0;

function lineNumber(line: IndexLine): number {
  const number = lineNumbers.get(line) ?? ++lastLine;
  lineNumbers.set(line, number);
  return number;
}

/** In memory where the system has such a folder. */
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-simulation-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

let lastSlot = 0;

export class IndexSlot {
  readonly writer: KeptConnection;
  readonly reader: KeptConnection;
  readonly line: IndexLine;
  isFree = true;
  /** Whether the process really got its connections from here. */
  isServed = false;
  readonly #path: string;
  readonly #free: KeptConnection[] = [];
  readonly #taken = new Set<KeptConnection>();
  readonly #wal: number;
  readonly #walIndex: number;
  /** Bytes of the WAL that are those of the line. */
  #validBytes: number;

  /** The first commit of a line of its own: the state folded into one file. `null`: an empty database. */
  static fold(state: IndexState | null): IndexSlot {
    const path = join(folder, `${++lastSlot}.db`);
    if (state) {
      writeFileSync(path, state.line.database);
      writeFileSync(`${path}-wal`, state.line.wal.subarray(0, walBytesOf(state.commit)));
    }
    const writer = openReal(path);
    writer.pragma('wal_checkpoint(TRUNCATE)');
    const slot = new IndexSlot(path, writer, readFileSync(path));
    slot.capture();
    return slot;
  }

  /** A twin that can be put to any state of the line. */
  static of(line: IndexLine): IndexSlot {
    const path = join(folder, `${++lastSlot}.db`);
    writeFileSync(path, line.database);
    const writer = openReal(path);
    return new IndexSlot(path, writer, line);
  }

  private constructor(path: string, writer: RealConnection, database: Buffer | IndexLine) {
    this.#path = path;
    this.writer = new KeptConnection(writer);
    this.reader = new KeptConnection(openReal(path));
    this.#walIndex = openSync(`${path}-shm`, 'r+');
    this.#wal = openSync(`${path}-wal`, 'r+');
    const isNew = Buffer.isBuffer(database);
    this.line = isNew ? { database, wal: Buffer.alloc(0), walIndex: Buffer.alloc(0) } : database;
    this.#validBytes = 0;
  }

  /** The state that was committed last. */
  commit(isFull: boolean): IndexCommit {
    const header = Buffer.alloc(headerBytes);
    readSync(this.#walIndex, header, 0, headerBytes, 0);
    return { header, isFull };
  }

  /** Brings the line up to what is committed here; in the slot in which it grows, before a state of it is used. */
  capture(): void {
    const { line } = this;
    const wanted = walBytesOf(this.commit(false));
    if (wanted > line.wal.length) {
      const wal = Buffer.alloc(wanted);
      line.wal.copy(wal);
      readSync(this.#wal, wal, line.wal.length, wanted - line.wal.length, line.wal.length);
      line.wal = wal;
    }
    const walIndex = Buffer.alloc(fstatSync(this.#walIndex).size);
    readSync(this.#walIndex, walIndex, 0, walIndex.length, 0);
    line.walIndex = walIndex;
  }

  putBack(commit: IndexCommit): void {
    const { line } = this;
    const wanted = walBytesOf(commit);
    if (wanted > this.#validBytes) {
      writeSync(this.#wal, line.wal, this.#validBytes, wanted - this.#validBytes, this.#validBytes);
    }
    this.#validBytes = wanted; // What follows may be written over.
    commit.header.copy(line.walIndex, 0);
    commit.header.copy(line.walIndex, headerBytes);
    writeSync(this.#walIndex, line.walIndex, 0, line.walIndex.length, 0);
  }

  /** A process begins: from now on the file of that path is this slot. */
  serve(path: string): void {
    let isReaderTaken = false;
    this.isServed = false;
    keptFiles.set(path, (isReadOnly) => {
      this.isServed = true;
      if (!isReadOnly) return this.writer.begin();
      if (isReaderTaken) return this.#take();
      isReaderTaken = true;
      return this.reader.begin();
    });
  }

  /** One more reader, until it is closed. */
  #take(): KeptConnection {
    const connection = this.#free.pop() ?? new KeptConnection(openReal(this.#path));
    this.#taken.add(connection);
    return connection.begin(() => {
      this.#taken.delete(connection);
      this.#free.push(connection);
    });
  }

  /** The process ended. False when something of it still reads: then nobody else can have the slot. */
  release(): void {
    for (const connection of [this.writer, this.reader, ...this.#taken]) {
      try {
        connection.close();
      } catch {
        this.isFree = false;
      }
    }
  }

  discard(): void {
    closeSync(this.#wal);
    closeSync(this.#walIndex);
    if (this.isFree) for (const connection of [this.writer, this.reader, ...this.#free]) connection.end();
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.#path + suffix, { force: true });
  }
}
