/**
 * What SQLite writes beside a database in WAL mode, as far as a simulation must write it itself: the header of the WAL
 * index (two equal copies of it begin the file) and the frames of the WAL, https://sqlite.org/walformat.html.
 */

export const pageBytes = 4096;
export const headerBytes = 48;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;
/** Of the WAL index's header, each 4 bytes in the order of this machine; the last 8 bytes are the checksum. */
const at = { changes: 8, frames: 16, pages: 20, salt: 32, checksum: 40 } as const;

export function walBytesOf(header: Buffer): number {
  const frames = header.readUInt32LE(at.frames);
  return frames === 0 ? 0 : walHeaderBytes + frames * (pageBytes + frameHeaderBytes);
}

/** The database with the frames of the WAL up to that commit, as a checkpoint would leave it. */
export function foldWal(database: Buffer, wal: Buffer, header: Buffer): Buffer {
  const folded = Buffer.alloc(header.readUInt32LE(at.pages) * pageBytes);
  database.copy(folded);
  const end = walBytesOf(header);
  for (let frame = walHeaderBytes; frame < end; frame += frameHeaderBytes + pageBytes) {
    const page = wal.readUInt32BE(frame) - 1;
    const start = frame + frameHeaderBytes;
    wal.copy(folded, page * pageBytes, start, start + pageBytes); // Of pages that were cut off since, nothing.
  }
  return folded;
}

/**
 * The header over a database whose WAL is empty. `number`: another one each time, for SQLite keeps what it has read of
 * a file until it sees another header.
 */
export function headerOfFolded(header: Buffer, number: number): Buffer {
  const folded = Buffer.from(header);
  folded.writeUInt32LE(0, at.frames);
  folded.writeUInt32LE(number, at.changes);
  folded.writeUInt32LE(number, at.salt);
  return withChecksum(folded);
}

export function withChecksum(header: Buffer): Buffer {
  let [first, second] = [0, 0];
  for (let word = 0; word < at.checksum; word += 8) {
    first = (first + header.readUInt32LE(word) + second) >>> 0;
    second = (second + header.readUInt32LE(word + 4) + first) >>> 0;
  }
  header.writeUInt32LE(first, at.checksum);
  header.writeUInt32LE(second, at.checksum + 4);
  return header;
}
