/** Several clients that do the same work for a while, each with a connection of its own. */
import { percentile } from '../figures.js';
import type { Connection } from './connection.js';

export interface Pace {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Each client does one thing after the other until the time is over; what is under way then is finished and counts. */
export async function runClients(
  connections: readonly Connection[],
  durationMs: number,
  work: (connection: Connection) => Promise<unknown>,
): Promise<Pace> {
  const tookMs: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  await Promise.all(
    connections.map(async (connection) => {
      for (let now = performance.now(); now < until; ) {
        await work(connection);
        const end = performance.now();
        tookMs.push(end - now);
        now = end;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const count = tookMs.length;
  return { count, perSecond: count / seconds, p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99) };
}

/** Does `work` for each number below `count`, by all connections together. */
export async function shareOut(
  connections: readonly Connection[],
  count: number,
  work: (connection: Connection, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      while (next < count) {
        next += 1;
        await work(connection, next - 1);
      }
    }),
  );
}
