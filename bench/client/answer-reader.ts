/**
 * Reads the answers of one HTTP/1.1 connection, one after the other: status, headers, and a body framed by length or in
 * chunks. Pure: fed with bytes, holds no socket. The bytes given are used during the call only.
 */
export interface Answer {
  readonly status: number;
  /** Names in lower case; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
  /** Empty unless it was to be kept. */
  readonly body: Buffer;
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk' | 'trailer';

const headLimitBytes = 64 * 1024;

export class AnswerReader {
  readonly #isHead: boolean;
  readonly #isKept: boolean;
  #state: State = 'head';
  /** Of a head, a chunk's size line or a trailer that is not whole yet. */
  #pending = Buffer.alloc(0);
  #left = 0;
  #status = 0;
  #headers = new Map<string, string>();
  #bodyBytes = 0;
  readonly #kept: Buffer[] = [];

  /** `isHead`: the answer to HEAD has no body whatever its headers say. */
  constructor({ isHead, isKept }: { readonly isHead: boolean; readonly isKept: boolean }) {
    this.#isHead = isHead;
    this.#isKept = isKept;
  }

  /** The whole answer, or undefined when more bytes are needed. Throws on what is not HTTP. */
  feed(bytes: Buffer): Answer | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'length' || this.#state === 'chunk') {
        at += this.#takeBody(bytes, at);
        if (this.#left > 0) return undefined;
        if (this.#state === 'length') return this.#answer();
        this.#state = 'chunk-size';
        continue;
      }
      const { line, end } = this.#takeLine(bytes, at);
      at = end;
      if (line === undefined) return undefined;
      if (this.#onLine(line)) return this.#answer();
    }
    return undefined;
  }

  #takeBody(bytes: Buffer, start: number): number {
    const count = Math.min(this.#left, bytes.length - start);
    this.#left -= count;
    // The two bytes after a chunk are counted with it.
    const isEnd = this.#state === 'chunk' && this.#left < 2;
    const payload = isEnd ? Math.max(0, count - (2 - this.#left)) : count;
    this.#bodyBytes += payload;
    if (this.#isKept && payload > 0) this.#kept.push(Buffer.from(bytes.subarray(start, start + payload)));
    return count;
  }

  /** A line without its end; undefined when it goes on in the next bytes. */
  #takeLine(bytes: Buffer, start: number): { line: string | undefined; end: number } {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    const part = bytes.subarray(start, end);
    const line = this.#pending.length === 0 ? part : Buffer.concat([this.#pending, part]);
    if (line.length > headLimitBytes) throw new Error('the answer has a line without end');
    this.#pending = newline < 0 ? Buffer.from(line) : Buffer.alloc(0);
    return { line: newline < 0 ? undefined : line.toString('latin1').replace(/\r?\n$/, ''), end };
  }

  /** True when the answer ends with this line. */
  #onLine(line: string): boolean {
    if (this.#state === 'trailer') return line === '';
    if (this.#state === 'chunk-size') {
      const sizeBytes = Number.parseInt(line, 16);
      if (Number.isNaN(sizeBytes)) throw new Error(`not the size of a chunk: ${line}`);
      this.#state = sizeBytes === 0 ? 'trailer' : 'chunk';
      this.#left = sizeBytes + 2;
      return false;
    }
    if (line === '') return this.#onHeadEnd();
    if (this.#status === 0) {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(line)?.[1];
      if (status === undefined) throw new Error(`not an answer: ${line}`);
      this.#status = Number(status);
      return false;
    }
    const colon = line.indexOf(':');
    this.#headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    return false;
  }

  #onHeadEnd(): boolean {
    if (this.#status < 200) {
      this.#status = 0;
      this.#headers = new Map();
      return false;
    }
    if (this.#isHead || this.#status === 204 || this.#status === 304) return true;
    if (this.#headers.get('transfer-encoding')?.toLowerCase() === 'chunked') {
      this.#state = 'chunk-size';
      return false;
    }
    this.#left = Number(this.#headers.get('content-length'));
    if (!Number.isSafeInteger(this.#left)) throw new Error('an answer without a length');
    this.#state = 'length';
    return this.#left === 0;
  }

  #answer(): Answer {
    return {
      status: this.#status,
      headers: this.#headers,
      bodyBytes: this.#bodyBytes,
      body: Buffer.concat(this.#kept),
    };
  }
}
