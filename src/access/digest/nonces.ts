/**
 * Nonces for Digest. A nonce carries the time at which it was made and an HMAC of it, so handing one out keeps nothing; only
 * for those that were answered the counts seen are kept, so that no request can be sent again by who has listened.
 * Memory is bounded: when a nonce must be forgotten, no older one is good any more.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import type { Random } from '../../core/random.js';

/** Clients are told `stale` then and go on with a new one, without asking anybody for the password. */
const lifeMs = 10 * 60_000;
const noncesKept = 10_000;
/** Counts may come out of order over several connections, by this many. */
const windowCounts = 256n;
const macBytes = 16;

interface Counts {
  /** Whose password answered it. */
  readonly name: string;
  readonly made: number;
  highest: bigint;
  /** Bit n: count `highest - n` was seen. */
  seen: bigint;
}

/** `replayed`: its count was used before, or is too old to tell. */
export type NonceVerdict = 'good' | 'stale' | 'foreign' | 'replayed';

export class Nonces {
  readonly #clock: Clock;
  readonly #key: Buffer;
  /** Oldest use first. */
  readonly #answered = new Map<string, Counts>();
  #forgottenUntil = -1;
  #last = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#key = random.bytes(32);
  }

  make(): string {
    // Two in one millisecond differ.
    this.#last = Math.max(this.#last + 1, Math.floor(this.#clock.monotonic() * 1000));
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(this.#last));
    return Buffer.concat([time, this.#mac(time)]).toString('base64url');
  }

  /** Whether the nonce is ours and still counts. Changes nothing. */
  judge(nonce: string): 'good' | 'stale' | 'foreign' {
    const made = this.#madeAt(nonce);
    if (made === undefined) return 'foreign';
    if (this.#clock.monotonic() * 1000 - made > lifeMs * 1000) return 'stale';
    return made <= this.#forgottenUntil && !this.#answered.has(nonce) ? 'stale' : 'good';
  }

  /** Whether the user has answered it rightly before: who still guesses has no such nonce. */
  wasAnsweredBy(name: string, nonce: string): boolean {
    return this.#answered.get(nonce)?.name === name;
  }

  /** Notes a count (hex) that came with the user's right answer. */
  use(nonce: string, { name, count }: { readonly name: string; readonly count: string }): NonceVerdict {
    const verdict = this.judge(nonce);
    if (verdict !== 'good') return verdict;
    const number = BigInt(`0x${count}`);
    const made = this.#madeAt(nonce)!;
    const counts = this.#answered.get(nonce) ?? { name, made, highest: 0n, seen: 1n };
    if (counts.name !== name) return 'foreign';
    if (number > counts.highest) {
      counts.seen = BigInt.asUintN(Number(windowCounts), (counts.seen << minimum(number - counts.highest)) | 1n);
      counts.highest = number;
    } else {
      const bit = counts.highest - number;
      if (number === 0n || bit >= windowCounts || (counts.seen >> bit) & 1n) return 'replayed';
      counts.seen |= 1n << bit;
    }
    this.#keep(nonce, counts);
    return 'good';
  }

  #keep(nonce: string, counts: Counts): void {
    this.#answered.delete(nonce);
    this.#answered.set(nonce, counts);
    if (this.#answered.size <= noncesKept) return;
    const [oldest, { made }] = this.#answered.entries().next().value!;
    this.#answered.delete(oldest);
    this.#forgottenUntil = Math.max(this.#forgottenUntil, made);
  }

  #madeAt(nonce: string): number | undefined {
    const bytes = Buffer.from(nonce, 'base64url');
    if (bytes.length !== 8 + macBytes || bytes.toString('base64url') !== nonce) return undefined;
    const time = bytes.subarray(0, 8);
    if (!timingSafeEqual(bytes.subarray(8), this.#mac(time))) return undefined;
    return Number(time.readBigUInt64BE());
  }

  #mac(time: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(time).digest().subarray(0, macBytes);
  }
}

/** A shift by more than the window empties it. */
function minimum(shift: bigint): bigint {
  return shift < windowCounts ? shift : windowCounts;
}
