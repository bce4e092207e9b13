/**
 * The `If` header, RFC 4918 section 10.4, read in one pass over its characters. Lists may be joined by commas: Finder
 * sends one `If` line for each token it holds, and Node joins equal headers that way. Only the grammar is judged here;
 * whether the conditions hold is the volume's business.
 */
import { limits } from '../http/limits.js';
import { refusal } from '../http/status.js';
import type { EntryPath, IfList } from '../volume/volume.js';

type Condition = IfList['conditions'][number];
/** Turns a resource tag (an absolute URI or a path) into a path of the volume; null: not on this volume. */
export type TagResolver = (uri: string) => EntryPath | null;

export function parseIfHeader(header: string, resolveTag: TagResolver): IfList[] {
  return new IfParser(header, resolveTag).parse();
}

function malformed(): Error {
  return refusal(400, 'the If header is not valid');
}

class IfParser {
  readonly #text: string;
  readonly #resolveTag: TagResolver;
  #position = 0;
  #conditions = 0;

  constructor(text: string, resolveTag: TagResolver) {
    this.#text = text;
    this.#resolveTag = resolveTag;
  }

  parse(): IfList[] {
    const lists: IfList[] = [];
    let resource: IfList['resource'] = 'request';
    let tagWaits = false;
    for (;;) {
      this.#separators();
      if (this.#position === this.#text.length) break;
      if (this.#peek() === '(') {
        lists.push({ resource, conditions: this.#list() });
        tagWaits = false;
      } else if (this.#peek() === '<' && !tagWaits) {
        resource = this.#resolveTag(this.#until('>'));
        tagWaits = true;
      } else {
        throw malformed();
      }
    }
    if (tagWaits || lists.length === 0) throw malformed();
    return lists;
  }

  #list(): Condition[] {
    const conditions: Condition[] = [];
    this.#position += 1;
    for (;;) {
      this.#spaces();
      if (this.#peek() === ')') break;
      conditions.push(this.#condition());
    }
    this.#position += 1;
    if (conditions.length === 0) throw malformed();
    return conditions;
  }

  #condition(): Condition {
    this.#conditions += 1;
    if (this.#conditions > limits.conditions) throw malformed();
    const not = this.#text.slice(this.#position, this.#position + 3).toLowerCase() === 'not';
    if (not) {
      this.#position += 3;
      this.#spaces();
    }
    if (this.#peek() === '<') return { not, kind: 'token', value: this.#until('>') };
    if (this.#peek() === '[') return { not, kind: 'etag', value: this.#until(']').trim() };
    throw malformed();
  }

  /** What stands between the character here and `end`; moves behind it. Never empty. */
  #until(end: string): string {
    const stop = this.#text.indexOf(end, this.#position);
    if (stop <= this.#position + 1) throw malformed();
    const value = this.#text.slice(this.#position + 1, stop);
    this.#position = stop + 1;
    return value;
  }

  #peek(): string | undefined {
    return this.#text[this.#position];
  }

  #spaces(): void {
    while (this.#peek() === ' ' || this.#peek() === '\t') this.#position += 1;
  }

  #separators(): void {
    for (let mark = this.#peek(); mark === ' ' || mark === '\t' || mark === ','; mark = this.#peek())
      this.#position += 1;
  }
}
