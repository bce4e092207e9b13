/**
 * Cuts connections whose peer has stopped. Uploads may take hours, so there is no limit on a request's duration; but
 * while we wait for the peer, bytes must move. One sweep over the running requests instead of a timer for each.
 * Between requests Node's own keep-alive and header timeouts apply.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../core/clock.js';

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
  readonly #running = new Set<Watched>();
  #cancel: (() => void) | undefined;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get running(): Iterable<{ readonly response: ServerResponse }> {
    return this.#running;
  }

  /** Watches the request until its response is closed. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    const watched = { request, response, movedBytes: movedBytes(request), since: this.#clock.monotonic() };
    this.#running.add(watched);
    response.once('close', () => this.#running.delete(watched));
    if (!this.#cancel && !this.#stopped) this.#schedule();
  }

  /** For good: what is watched from now on gets no timer. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #schedule(): void {
    this.#cancel = this.#clock.schedule(sweepMs, () => {
      this.#sweep();
      this.#cancel = undefined;
      if (this.#running.size > 0) this.#schedule();
    });
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const watched of this.#running) {
      const moved = movedBytes(watched.request);
      if (moved - watched.movedBytes >= minimumBytes || !waitsForPeer(watched)) {
        watched.movedBytes = moved;
        watched.since = now;
      } else if (now - watched.since >= stallMs) {
        watched.request.socket.destroy();
      }
    }
  }
}

function movedBytes({ socket }: IncomingMessage): number {
  return socket.bytesRead + socket.bytesWritten;
}

/** Body bytes are missing and nothing of them waits to be read here, or the peer does not take what was written. */
function waitsForPeer({ request, response }: Watched): boolean {
  return (!request.complete && request.readableLength === 0) || response.writableLength > 0;
}
