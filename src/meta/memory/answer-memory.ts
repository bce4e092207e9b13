/**
 * Answers that a reader gave since the last commit: most requests ask for the same few entries again and again, and each
 * statement costs the locks of a transaction. Everything is forgotten with the next commit. An answer made while one was
 * under way is not kept. Answers are shared: nobody may change one.
 */
import { LRUCache } from 'lru-cache';
import type { CommitCount } from './commit-count.js';

/** Some 300 bytes each. */
const mostRows = 16_384;

interface Answer {
  readonly value: unknown;
  readonly rows: number;
}

export class AnswerMemory {
  readonly #commits: CommitCount;
  readonly #answers = new LRUCache<string, Answer>({ maxSize: mostRows, sizeCalculation: ({ rows }) => rows });
  #asOf: number | undefined;

  constructor(commits: CommitCount) {
    this.#commits = commits;
  }

  /** `key` names the question with all its arguments. A question that throws is asked again. */
  answer<T>(key: string, ask: () => T): T {
    const before = this.#commits.settled;
    if (before === undefined) return ask();
    if (before !== this.#asOf) this.#answers.clear();
    this.#asOf = before;
    const known = this.#answers.get(key);
    if (known !== undefined) return known.value as T;
    const value = ask();
    const rows = Array.isArray(value) ? value.length + 1 : 1;
    if (this.#commits.settled === before) this.#answers.set(key, { value, rows });
    return value;
  }
}
