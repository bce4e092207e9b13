/** One large file up, down, and pieces of it. */
import { runClients } from '../client/clients.js';
import { UsageMeter } from '../client/process-usage.js';
import type { Target } from '../client/target.js';
import { uniqueBody } from '../client/unique-bytes.js';
import type { Unit, Values } from '../figures.js';
import { writeLargeTwice } from './plain-writer.js';
import type { Scale, Workload } from './workload.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const rangeBytes = 64 * 1024;
const rangeClients = 4;
export const largeName = 'large.bin';

/** A file that later workloads read and copy. */
export async function prepareLarge(target: Target, sizeBytes: number): Promise<void> {
  await target.once('large', async () => {
    await target.must({ method: 'PUT', path: target.path(largeName), body: uniqueBody(sizeBytes) });
  });
}

export function largePut({ largeBytes }: Scale): Workload {
  return {
    name: 'large-put',
    figures: transferFigures('large-put', `PUT of ${largeBytes / MiB} MiB`),
    async measure(target) {
      const path = target.path(target.freshName('put'));
      const values = await measureTransfer(target, 'large-put', largeBytes, async () => {
        return (await target.must({ method: 'PUT', path, body: uniqueBody(largeBytes) })).totalMs;
      });
      await target.must({ method: 'DELETE', path });
      return values;
    },
    async limit(folder) {
      return { 'large-put': largeBytes / MiB / ((await writeLargeTwice(folder, largeBytes)) / 1000) };
    },
  };
}

export function largeGet({ largeBytes }: Scale): Workload {
  return {
    name: 'large-get',
    figures: transferFigures('large-get', `GET of ${largeBytes / MiB} MiB`),
    prepare: (target) => prepareLarge(target, largeBytes),
    measure: (target) =>
      measureTransfer(target, 'large-get', largeBytes, async () => {
        const answer = await target.must({ method: 'GET', path: target.path(largeName) });
        if (answer.bodyBytes !== largeBytes) throw new Error(`${target.name}: ${answer.bodyBytes} bytes came`);
        return answer.totalMs;
      }),
  };
}

export function ranges({ largeBytes, durationMs }: Scale): Workload {
  return {
    name: 'ranges',
    figures: [
      { id: 'ranges', title: `random 64 KiB ranges, ${rangeClients} clients`, unit: 'per s' },
      { id: 'ranges-p99', title: 'p99', unit: 'ms', isDetail: true },
    ],
    prepare: (target) => prepareLarge(target, largeBytes),
    async measure(target) {
      const path = target.path(largeName);
      const pace = await runClients(target.connections(rangeClients), durationMs, async (on) => {
        const start = Math.floor(Math.random() * (largeBytes - rangeBytes));
        const headers = { Range: `bytes=${start}-${start + rangeBytes - 1}` };
        const answer = await target.must({ method: 'GET', path, headers }, { on, status: 206 });
        if (answer.bodyBytes !== rangeBytes) throw new Error(`${target.name}: a range of ${answer.bodyBytes} bytes`);
      });
      return { ranges: pace.perSecond, 'ranges-p99': pace.p99Ms };
    },
  };
}

function transferFigures(id: string, title: string): Workload['figures'] {
  const also = (suffix: string, what: string, unit: Unit) => ({ id: `${id}-${suffix}`, title: `  ${what}`, unit });
  return [
    { id, title, unit: 'MiB/s' },
    also('cpu', "the server's processor time", 'CPU s/GiB'),
    also('memory', "the server's peak memory (PSS)", 'MiB'),
  ];
}

async function measureTransfer(
  target: Target,
  id: string,
  sizeBytes: number,
  transfer: () => Promise<number>,
): Promise<Values> {
  using meter = new UsageMeter(target.processId, { isMemoryWatched: true });
  const tookMs = await transfer();
  const { cpuSeconds, peakBytes } = meter.read();
  return {
    [id]: sizeBytes / MiB / (tookMs / 1000),
    ...(peakBytes > 0 && { [`${id}-cpu`]: cpuSeconds / (sizeBytes / GiB), [`${id}-memory`]: peakBytes / MiB }),
  };
}
