/**
 * Tells clients that an answer is still coming. Trouble with disks is waited out for some 20 s; a client that hears
 * nothing for 30 s gives up. So a request that came in whole, or whose body is left unread, and has no answer yet gets an
 * interim one (102, RFC 2518 section 10.1) before 10 s of silence have passed.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { RequestSweep } from './request-sweep.js';

const sweepMs = 2_000;
/** With the sweep's own delay, less than 10 s. */
const silenceMs = 8_000;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  since: number;
  /** Of the connection, at the last sweep. */
  readBytes: number;
}

export class LateAnswers {
  readonly #clock: Clock;
  readonly #sweep: RequestSweep<Waiting>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweep = new RequestSweep({ clock, periodMs: sweepMs, look: answerIfSilent });
  }

  /** For clients that read interim answers. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    if (request.httpVersionMajor === 1 && request.httpVersionMinor === 0) return;
    const { bytesRead: readBytes } = request.socket;
    this.#sweep.watch({ request, response, since: this.#clock.monotonic(), readBytes });
  }

  stop(): void {
    this.#sweep.stop();
  }
}

function answerIfSilent(waiting: Waiting, now: number): boolean {
  const { request, response } = waiting;
  if (response.headersSent) return false;
  if (isSending(waiting)) {
    waiting.since = now;
    waiting.readBytes = request.socket.bytesRead;
  } else if (now - waiting.since >= silenceMs) {
    response.writeProcessing();
    waiting.since = now;
  }
  return true;
}

/** It is the client that has the word: what it sent was read, or more of it has come in meanwhile. */
function isSending({ request, readBytes }: Waiting): boolean {
  return !request.complete && (request.readableLength === 0 || request.socket.bytesRead !== readBytes);
}
