/** Bounds on what a request may bring, each with its reason. What Node's parser refuses itself is not repeated here. */

const KiB = 1024;

export const limits = {
  /** Percent-encoded paths of deep trees in a `Destination` and a `Referer` beside it; Node's default of 16 KiB cuts them. */
  headerBytes: 64 * KiB,
  /** Real clients send fewer than 30; Node silently drops what is above its own limit, so it is off and this one counts. */
  headerLines: 100,
  /** Twenty names of 255 bytes, each byte written as `%XX`, and room to spare. */
  targetBytes: 32 * KiB,
  /** Deeper than any tree people make; keeps a look-up short. */
  pathNames: 256,
  /** XML bodies (PROPFIND, PROPPATCH, LOCK); Windows and Office send less than 4 KiB. */
  xmlBytes: 1024 * KiB,
  /** Properties named in one request, or changed by one. */
  properties: 1000,
  /** An unwanted body is read to its end up to this length, so that the connection can go on. */
  discardBytes: 1024 * KiB,
  /** How long a refused upload is read and thrown away, so that its sender gets to see the answer. */
  discardMs: 10_000,
  /** Longest lock that is granted; clients refresh. */
  lockMs: 3_600_000,
  /** Zeros that one partial update may put between the end of a file and its first byte; they are written like others. */
  holeBytes: 1024 * 1024 * KiB,
  /** Members of an `If` header, over all its lists. */
  conditions: 1000,
} as const;
