/**
 * Slows guessing down: after some failures, each further one makes the next try wait twice as long. Counted for a
 * user at an address, so that a stranger cannot lock anybody out, and for an address over all names, so that
 * trying every name once is no way around. A try is charged before it is judged: a hundred at once gain nothing.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '../core/clock.js';

interface Tries {
  failures: number;
  /** Monotonic. */
  waitUntil: number;
  last: number;
}

/** People mistype; machines that were given a new password try the old one a few times. */
const freeFailures = { user: 5, address: 30 };
const longestWaitMs = 60_000;
const forgetMs = 15 * 60_000;
/** Some hundred bytes each. */
const entriesKept = 10_000;

export interface Charge {
  /** The password was right: what was charged is taken back. */
  refund(): void;
}

export class GuessLimiter {
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #tries = new Map<string, Tries>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#tries.size;
  }

  /** How long to wait, in milliseconds, when it is not to be tried now. */
  charge(name: string, address: string): Charge | { readonly waitMs: number } {
    const now = this.#clock.monotonic();
    const source = networkOf(address);
    const keys = [
      { key: `${source} ${name}`, free: freeFailures.user },
      { key: source, free: freeFailures.address },
    ];
    const waitMs = Math.max(...keys.map(({ key }) => (this.#known(key, now)?.waitUntil ?? now) - now));
    if (waitMs > 0) return { waitMs };
    for (const { key, free } of keys) this.#add(key, free, now);
    return { refund: () => this.#refund(`${source} ${name}`, source) };
  }

  #known(key: string, now: number): Tries | undefined {
    const tries = this.#tries.get(key);
    if (tries && now - tries.last > forgetMs) this.#tries.delete(key);
    return this.#tries.get(key);
  }

  #add(key: string, free: number, now: number): void {
    const tries = this.#tries.get(key) ?? { failures: 0, waitUntil: now, last: now };
    tries.failures += 1;
    tries.last = now;
    if (tries.failures >= free) tries.waitUntil = now + Math.min(longestWaitMs, 1000 * 2 ** (tries.failures - free));
    this.#tries.delete(key);
    this.#tries.set(key, tries);
    if (this.#tries.size > entriesKept) this.#tries.delete(this.#tries.keys().next().value!);
  }

  #refund(userKey: string, addressKey: string): void {
    this.#tries.delete(userKey);
    const tries = this.#tries.get(addressKey);
    if (!tries) return;
    tries.failures -= 1;
    if (tries.failures < freeFailures.address) tries.waitUntil = tries.last;
    if (tries.failures <= 0) this.#tries.delete(addressKey);
  }
}

/** Who has one IPv6 address has 2^64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  const [head = ''] = address.split('%', 1);
  const [left = '', right] = head.split('::');
  const groups = left === '' ? [] : left.split(':');
  const rest = right === undefined || right === '' ? [] : right.split(':');
  const all = right === undefined ? groups : [...groups, ...Array(8 - groups.length - rest.length).fill('0'), ...rest];
  return all.slice(0, 4).join(':');
}
