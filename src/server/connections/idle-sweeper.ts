/**
 * Cuts connections whose peer has stopped. Uploads may take hours, so there is no limit on a request's duration; but
 * while we wait for the peer, bytes must move.
 * Between requests Node's own keep-alive and header timeouts apply.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { RequestSweep } from './request-sweep.js';

const sweepMs = 15_000;
/** Longer than any pause of a healthy client: Finder may stop for 30 s, a phone changing networks for longer. */
const stallMs = 120_000;
/** Less than this in one stall time counts as nothing: one byte every ten seconds is an attack. */
const minimumBytes = 1024;

interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  movedBytes: number;
  since: number;
}

export class IdleSweeper {
  readonly #clock: Clock;
  readonly #sweep: RequestSweep<Watched>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sweep = new RequestSweep({ clock, periodMs: sweepMs, look: cutIfStalled });
  }

  get running(): Iterable<{ readonly response: ServerResponse }> {
    return this.#sweep.watched;
  }

  watch(request: IncomingMessage, response: ServerResponse): void {
    this.#sweep.watch({ request, response, movedBytes: movedBytes(request), since: this.#clock.monotonic() });
  }

  stop(): void {
    this.#sweep.stop();
  }
}

function cutIfStalled(watched: Watched, now: number): boolean {
  const moved = movedBytes(watched.request);
  if (moved - watched.movedBytes >= minimumBytes || !waitsForPeer(watched)) {
    watched.movedBytes = moved;
    watched.since = now;
  } else if (now - watched.since >= stallMs) {
    watched.request.socket.destroy();
  }
  return true;
}

function movedBytes({ socket }: IncomingMessage): number {
  return socket.bytesRead + socket.bytesWritten;
}

/** Body bytes are missing and nothing of them waits to be read here, or the peer does not take what was written. */
function waitsForPeer({ request, response }: Watched): boolean {
  return (!request.complete && request.readableLength === 0) || response.writableLength > 0;
}
