/** Reading what is left of a refused body and throwing it away, for a bounded time. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../core/clock.js';
import { limits } from '../../http/limits.js';

/** Resolves when the body has ended, its sender has left, or the time is over. */
export function lingerOn(request: IncomingMessage, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      for (const event of ['end', 'close', 'error']) request.off(event, done);
      resolve();
    };
    const cancel = clock.schedule(limits.discardMs, done);
    for (const event of ['end', 'close', 'error']) request.on(event, done);
    request.resume();
  });
}
