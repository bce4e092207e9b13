/** Workloads in which some clients repeat one request for a while: their figures, and how a turn is measured. */
import { runClients } from '../client/clients.js';
import type { Connection } from '../client/connection.js';
import { UsageMeter } from '../client/process-usage.js';
import type { Target } from '../client/target.js';
import type { Figure, Values } from '../figures.js';

export function paceFigures(id: string, what: string, clients: number): readonly Figure[] {
  const title = `${what}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
  return [
    { id, title, unit: 'per s' },
    { id: `${id}-p50`, title: '  median', unit: 'ms', isDetail: true },
    { id: `${id}-p99`, title: '  p99', unit: 'ms', isDetail: true },
    { id: `${id}-cpu`, title: "  the server's processor time", unit: 'CPU ms', isDetail: true },
  ];
}

export async function measurePace(
  id: string,
  target: Target,
  { clients, durationMs }: { readonly clients: number; readonly durationMs: number },
  work: (connection: Connection) => Promise<unknown>,
): Promise<Values> {
  using meter = new UsageMeter(target.processId, { isMemoryWatched: false });
  const pace = await runClients(target.connections(clients), durationMs, work);
  return {
    [id]: pace.perSecond,
    [`${id}-p50`]: pace.p50Ms,
    [`${id}-p99`]: pace.p99Ms,
    [`${id}-cpu`]: (meter.read().cpuSeconds * 1000) / pace.count,
  };
}
