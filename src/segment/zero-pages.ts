/**
 * What a power cut leaves of bytes that were written but not synced: pages or sectors of the file that read as zeros, or
 * a file that ends early. A flipped bit or a stale sector does not look like this.
 */

/** What systems write at once. */
const pageBytes = 4096;
/** What disks write at once: the power can go between two sectors of a page. */
const sectorBytes = 512;

/** Does a part of `bytes` that lies within one page of the file consist of zeros? `position`: of `bytes` in its file. */
export function hasZeroPage(bytes: Buffer, position: number): boolean {
  return hasZeroPart(bytes, position, pageBytes);
}

/** The same of sectors: for bytes that hold no such run of zeros by themselves. */
export function hasZeroSector(bytes: Buffer, position: number): boolean {
  return hasZeroPart(bytes, position, sectorBytes);
}

function hasZeroPart(bytes: Buffer, position: number, partBytes: number): boolean {
  let at = 0;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + partBytes - ((position + at) % partBytes));
    if (isZero(bytes.subarray(at, end))) return true;
    at = end;
  }
  return false;
}

const zeros = Buffer.alloc(pageBytes);

function isZero(part: Buffer): boolean {
  return part.equals(zeros.subarray(0, part.length));
}
