/**
 * Indexes that can be put back to any of their commits in microseconds, because opening SQLite would cost more than all
 * the rest of an opening. A slot is a real database in WAL mode whose connections stay open between simulated
 * processes. The states of one line share its database file, and each is a prefix of its WAL: to go back, the bytes of
 * the WAL are put there again, and the header of the WAL index is set to that commit, as SQLite itself leaves it when a
 * writer dies behind it. No WAL is ever folded into the file while a slot is in use. Slots show one line after the
 * other: SQLite reads everything anew when it finds another header, and no two lines have an equal one.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptConnection, keptFiles, openReal } from './sim-database.js';
import { foldWal, headerBytes, headerOfFolded, walBytesOf } from './wal-index.js';

export interface IndexCommit {
  /** Of the WAL index. */
  readonly header: Buffer;
  readonly isFull: boolean;
}

/** A database file and the WAL that grew behind it. */
export interface IndexLine {
  readonly number: number;
  /** Name of the state that the database file holds. */
  readonly origin: string;
  readonly database: Buffer;
  wal: Buffer;
  walIndex: Buffer;
}

export interface IndexState {
  readonly line: IndexLine;
  readonly commit: IndexCommit;
}

/** Of all of the state, for telling states apart. */
export function nameOf({ line, commit }: IndexState): string {
  const walBytes = walBytesOf(commit.header);
  return walBytes === 0 ? line.origin : `${line.number}:${walBytes}`;
}

/** In memory where the system has such a folder. */
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-simulation-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

let lastLine = 0;
let lastSlot = 0;
/** That of a slot in which nothing was ever written. */
let emptyWalIndex: Buffer | undefined;

/** The state as the first of a line of its own. */
export function newLine(state: IndexState): IndexState {
  const { line, commit } = state;
  const number = ++lastLine;
  const header = headerOfFolded(commit.header, number);
  const walIndex = Buffer.from(emptyWalIndex!);
  return {
    line: {
      number,
      origin: nameOf(state),
      database: foldWal(line.database, line.wal, commit.header),
      wal: Buffer.alloc(0),
      walIndex,
    },
    commit: { header, isFull: true },
  };
}

export class IndexSlot {
  readonly writer: KeptConnection;
  readonly reader: KeptConnection;
  isFree = true;
  /** Whether the process really got its connections from here. */
  isServed = false;
  readonly #path: string;
  readonly #free: KeptConnection[] = [];
  readonly #taken = new Set<KeptConnection>();
  readonly #database: number;
  readonly #wal: number;
  readonly #walIndex: number;
  #line: IndexLine;
  /** Bytes of the WAL that are those of the line. */
  #validBytes = 0;

  /** An empty database, without tables. */
  constructor() {
    this.#path = join(folder, `${++lastSlot}.db`);
    const writer = openReal(this.#path);
    writer.pragma('wal_checkpoint(TRUNCATE)');
    this.writer = new KeptConnection(writer);
    this.reader = new KeptConnection(openReal(this.#path));
    this.#database = openSync(this.#path, 'r+');
    this.#wal = openSync(`${this.#path}-wal`, 'r+');
    this.#walIndex = openSync(`${this.#path}-shm`, 'r+');
    emptyWalIndex ??= readFileSync(`${this.#path}-shm`);
    const database = readFileSync(this.#path);
    const number = ++lastLine;
    const nothing = Buffer.alloc(0);
    this.#line = { number, origin: `${number}:0`, database, wal: nothing, walIndex: emptyWalIndex };
  }

  get line(): IndexLine {
    return this.#line;
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
    const wanted = walBytesOf(this.commit(false).header);
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

  /** Nobody uses the slot. */
  putBack({ line, commit }: IndexState): void {
    if (line !== this.#line) {
      this.#line = line;
      this.#validBytes = 0;
      writeSync(this.#database, line.database, 0, line.database.length, 0);
      ftruncateSync(this.#database, line.database.length);
    }
    const wanted = walBytesOf(commit.header);
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

  /** Its last reader will end it. */
  discard(): void {
    closeSync(this.#database);
    closeSync(this.#wal);
    closeSync(this.#walIndex);
    for (const suffix of ['', '-wal', '-shm']) rmSync(this.#path + suffix, { force: true });
  }
}
