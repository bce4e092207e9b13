/** Workloads in which some clients repeat one request for a while: their figures, and how a turn is measured. */
import { runClients } from '../client/clients.js';
import type { Connection } from '../client/connection.js';
import { UsageMeter } from '../client/process-usage.js';
import type { Target } from '../client/target.js';
import type { Figure, Values } from '../figures.js';
import type { Scale } from './workload.js';

export function paceFigures(id: string, what: string, clients: number): readonly Figure[] {
  const title = `${what}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
  return [
    { id, title, unit: 'per s' },
    { id: `${id}-p50`, title: '  median', unit: 'ms', isDetail: true },
    { id: `${id}-p99`, title: '  p99', unit: 'ms', isDetail: true },
    { id: `${id}-cpu`, title: "  the server's processor time", unit: 'CPU ms', isDetail: true },
  ];
}

/** A target's first turn at this is preceded by the same work, uncounted: what runs longer than seconds is compiled. */
export async function measurePace(
  id: string,
  target: Target,
  { clients, durationMs, warmUpMs }: Pick<Scale, 'durationMs' | 'warmUpMs'> & { readonly clients: number },
  work: (connection: Connection) => Promise<unknown>,
): Promise<Values> {
  await target.once(`warm-up of ${id}`, async () => {
    if (warmUpMs > 0) await runClients(target.connections(clients), warmUpMs, work);
  });
  using meter = new UsageMeter(target.processId, { isMemoryWatched: false });
  const pace = await runClients(target.connections(clients), durationMs, work);
  return {
    [id]: pace.perSecond,
    [`${id}-p50`]: pace.p50Ms,
    [`${id}-p99`]: pace.p99Ms,
    [`${id}-cpu`]: (meter.read().cpuSeconds * 1000) / pace.count,
  };
}
