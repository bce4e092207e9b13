/**
 * What a power cut leaves of bytes that were written but not synced: pages of the file that read as zeros, or a file
 * that ends early. A flipped bit or a stale sector does not look like this.
 */

const pageBytes = 4096;

/** Does a part of `bytes` that lies within one page of the file consist of zeros? `position`: of `bytes` in its file. */
export function hasZeroPage(bytes: Buffer, position: number): boolean {
  let at = 0;
  while (at < bytes.length) {
    const end = Math.min(bytes.length, at + pageBytes - ((position + at) % pageBytes));
    if (isZero(bytes.subarray(at, end))) return true;
    at = end;
  }
  return false;
}

const zeros = Buffer.alloc(pageBytes);

function isZero(part: Buffer): boolean {
  return part.equals(zeros.subarray(0, part.length));
}
