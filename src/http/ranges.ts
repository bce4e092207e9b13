/**
 * RFC 9110 section 14, single byte ranges. A request for several ranges is answered with the whole body, as section
 * 14.2 allows: no client of a drive needs multipart/byteranges, and it is the part of HTTP that has been abused most.
 */

export type RangeDecision =
  /** Answer 200 with everything. */
  | { readonly kind: 'whole' }
  /** Answer 206; `end` is one past the last byte. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  /** Answer 416. */
  | { readonly kind: 'unsatisfiable' };

const whole: RangeDecision = { kind: 'whole' };
const unsatisfiable: RangeDecision = { kind: 'unsatisfiable' };
const singleRange = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

export function decideRange(header: string | undefined, sizeBytes: number): RangeDecision {
  const match = header === undefined ? null : singleRange.exec(header);
  if (!match) return whole;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '') {
    if (last === '') return whole;
    const suffix = Number(last);
    if (suffix === 0 || sizeBytes === 0) return unsatisfiable;
    return { kind: 'part', start: Math.max(0, sizeBytes - suffix), end: sizeBytes };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return whole;
  if (start >= sizeBytes) return unsatisfiable;
  return { kind: 'part', start, end: last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1) };
}
