/** Writing a response body at the pace of its reader. */
import type { ServerResponse } from 'node:http';
import { DriveError } from '../core/errors.js';

const flushLength = 32 * 1024;

/** Resolves when more may be written; ABORTED when the reader has left. */
export function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    if (response.destroyed) return reject(new DriveError('ABORTED'));
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      if (response.destroyed) reject(new DriveError('ABORTED'));
      else resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

/**
 * Text written piece by piece. A short body goes out in one piece with its length; a long one in pieces of some 32 KiB,
 * so that memory stays flat and the first bytes leave early. Status and headers are set on the response before.
 */
export class StreamedBody {
  readonly #response: ServerResponse;
  #waiting = '';

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  /** True when `flush` should be awaited before more is pushed. */
  push(text: string): boolean {
    this.#waiting += text;
    return this.#waiting.length >= flushLength;
  }

  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = '';
    if (!this.#response.write(text)) await drained(this.#response);
  }

  end(): void {
    if (!this.#response.headersSent) this.#response.setHeader('Content-Length', Buffer.byteLength(this.#waiting));
    this.#response.end(this.#waiting);
  }
}
