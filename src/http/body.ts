/** Reading small request bodies, and getting rid of unwanted ones without hurting the connection. */
import type { IncomingMessage } from 'node:http';
import { DriveError } from '../core/errors.js';
import { refusal } from './status.js';
import { TurnBudget } from './turn-budget.js';

/** Of all bodies together; handling it takes the main thread some 5 ms. */
const turnBytes = 2 * 1024 * 1024;
const turns = new TurnBudget(turnBytes);

/** Whether the request announces a body at all. */
export function hasBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || contentLength(request) > 0;
}

/** 0 when absent; Node has refused anything that is not a number. */
export function contentLength(request: IncomingMessage): number {
  return Number(request.headers['content-length'] ?? 0);
}

/** The whole body. 413 above `limitBytes`, INCOMPLETE_BODY when the sender leaves. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (!hasBody(request)) return Buffer.alloc(0);
  if (contentLength(request) > limitBytes) throw tooLarge(limitBytes);
  if (request.destroyed) throw new DriveError('INCOMPLETE_BODY');
  return gathered(request, limitBytes);
}

/** By events: for a body that came with its headers, the stream's iterator would cost as much as the whole request. */
function gathered(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    const take = (part: Buffer): void => {
      length += part.length;
      parts.push(part);
      if (length > limitBytes) fail(tooLarge(limitBytes));
    };
    const end = (): void => {
      leave();
      if (request.complete) resolve(parts.length === 1 ? parts[0]! : Buffer.concat(parts, length));
      else reject(new DriveError('INCOMPLETE_BODY'));
    };
    const fail = (error: DriveError): void => {
      leave();
      request.pause();
      reject(error);
    };
    const cut = (cause?: unknown): void => fail(new DriveError('INCOMPLETE_BODY', { cause }));
    const leave = (): void => {
      request.off('data', take).off('end', end).off('error', cut).off('close', cut);
    };
    request.on('data', take).on('end', end).on('error', cut).on('close', cut);
  });
}

/** The body's buffers. Leaving early keeps the connection open, so that an answer can still be sent. */
export async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const bytes of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      await turns.take(bytes.length);
      yield bytes;
    }
  } catch (cause) {
    throw new DriveError('INCOMPLETE_BODY', { cause });
  }
  if (!request.complete) throw new DriveError('INCOMPLETE_BODY');
}

function tooLarge(limitBytes: number): DriveError {
  return refusal(413, `a body of this request may have at most ${limitBytes} bytes`);
}
