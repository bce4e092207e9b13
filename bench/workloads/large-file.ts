/** One large file up, down, and pieces of it. */
import type { Connection } from '../client/connection.js';
import { UsageMeter } from '../client/process-usage.js';
import type { Target } from '../client/target.js';
import { uniqueBody } from '../client/unique-bytes.js';
import type { Unit, Values } from '../figures.js';
import { measurePace, paceFigures } from './paced.js';
import { writeLargeTwice } from './plain-writer.js';
import type { Scale, Workload } from './workload.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const rangeBytes = 64 * 1024;
const rangeClients = 4;
const streamCount = 4;
export const largeName = 'large.bin';

/** A file that later workloads read and copy. */
export async function prepareLarge(target: Target, sizeBytes: number): Promise<void> {
  await target.once('large', async () => {
    await target.must({ method: 'PUT', path: target.path(largeName), body: uniqueBody(sizeBytes) });
  });
}

export function largeTransfers(scale: Scale): Workload[] {
  return [1, streamCount].flatMap((streams) => [largePut(scale, streams), largeGet(scale, streams)]);
}

/** The same number of bytes in all, shared out. */
function largePut({ largeBytes }: Scale, streams: number): Workload {
  const id = streams === 1 ? 'large-put' : `large-put-${streams}`;
  const eachBytes = largeBytes / streams;
  return {
    name: id,
    figures: transferFigures(id, `PUT of ${amount(eachBytes, streams)}`),
    async measure(target) {
      const paths = target.connections(streams).map(() => target.path(target.freshName('put')));
      const values = await measureTransfer(target, id, largeBytes, streams, (on, index) =>
        target.must({ method: 'PUT', path: paths[index]!, body: uniqueBody(eachBytes) }, { on }),
      );
      for (const path of paths) await target.must({ method: 'DELETE', path });
      return values;
    },
    async limit(folder) {
      return { [id]: largeBytes / MiB / ((await writeLargeTwice(folder, largeBytes)) / 1000) };
    },
  };
}

function largeGet({ largeBytes }: Scale, streams: number): Workload {
  const id = streams === 1 ? 'large-get' : `large-get-${streams}`;
  const eachBytes = largeBytes / streams;
  return {
    name: id,
    figures: transferFigures(id, `GET of ${amount(eachBytes, streams)}`),
    prepare: (target) => prepareLarge(target, largeBytes),
    measure: (target) =>
      measureTransfer(target, id, largeBytes, streams, async (on, index) => {
        const start = index * eachBytes;
        const part = streams === 1 ? {} : { Range: `bytes=${start}-${start + eachBytes - 1}` };
        const { bodyBytes } = await target.must({ method: 'GET', path: target.path(largeName), headers: part }, { on });
        if (bodyBytes !== eachBytes) throw new Error(`${target.name}: ${bodyBytes} bytes came`);
      }),
  };
}

function amount(eachBytes: number, streams: number): string {
  return streams === 1 ? `${eachBytes / MiB} MiB` : `${streams} x ${eachBytes / MiB} MiB, ${streams} streams`;
}

export function ranges(scale: Scale): Workload {
  const { largeBytes } = scale;
  return {
    name: 'ranges',
    figures: paceFigures('ranges', 'random 64 KiB ranges', rangeClients),
    prepare: (target) => prepareLarge(target, largeBytes),
    async measure(target) {
      const path = target.path(largeName);
      return measurePace('ranges', target, { ...scale, clients: rangeClients }, async (on) => {
        const start = Math.floor(Math.random() * (largeBytes - rangeBytes));
        const headers = { Range: `bytes=${start}-${start + rangeBytes - 1}` };
        const answer = await target.must({ method: 'GET', path, headers }, { on, status: 206 });
        if (answer.bodyBytes !== rangeBytes) throw new Error(`${target.name}: a range of ${answer.bodyBytes} bytes`);
      });
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
  streams: number,
  transfer: (on: Connection, index: number) => Promise<unknown>,
): Promise<Values> {
  using meter = new UsageMeter(target.processId, { isMemoryWatched: true });
  const startedAt = performance.now();
  await Promise.all(target.connections(streams).map(transfer));
  const tookMs = performance.now() - startedAt;
  const { cpuSeconds, peakBytes } = meter.read();
  return {
    [id]: sizeBytes / MiB / (tookMs / 1000),
    ...(peakBytes > 0 && { [`${id}-cpu`]: cpuSeconds / (sizeBytes / GiB), [`${id}-memory`]: peakBytes / MiB }),
  };
}
