/** Files of 4 KiB: new ones, overwritten ones, read ones, by one client and by sixteen. */
import { runClients, shareOut } from '../client/clients.js';
import type { Target } from '../client/target.js';
import { uniqueBuffer } from '../client/unique-bytes.js';
import type { Figure } from '../figures.js';
import { appendSmall } from './plain-writer.js';
import type { Scale, Workload } from './workload.js';

const smallBytes = 4096;
const smallBody = (): Buffer => uniqueBuffer(smallBytes);
const manyClients = 16;
const folder = 'small/';

export function smallFiles(scale: Scale): Workload[] {
  return [1, manyClients].flatMap((clients) => [put(scale, clients), overwrite(scale, clients), get(scale, clients)]);
}

function put({ durationMs }: Scale, clients: number): Workload {
  const id = `small-put-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'PUT of 4 KiB', clients),
    async measure(target) {
      // A new folder for each turn, so that no turn works on a fuller one.
      const into = target.path(`${target.freshName('puts')}/`);
      await target.must({ method: 'MKCOL', path: into });
      let count = 0;
      const pace = await runClients(target.connections(clients), durationMs, (on) => {
        count += 1;
        return target.must({ method: 'PUT', path: `${into}${count}`, body: smallBody() }, { on, status: 201 });
      });
      await target.must({ method: 'DELETE', path: into });
      return { [id]: pace.perSecond, [`${id}-p99`]: pace.p99Ms };
    },
    async limit(limitFolder) {
      return { [id]: await appendSmall(limitFolder, { clients, durationMs, makeBody: smallBody }) };
    },
  };
}

function overwrite({ durationMs, smallFiles }: Scale, clients: number): Workload {
  const id = `small-overwrite-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'overwrite of 4 KiB', clients),
    prepare: (target) => prepareSmall(target, smallFiles),
    async measure(target) {
      let count = 0;
      const pace = await runClients(target.connections(clients), durationMs, (on) => {
        count += 1;
        const path = target.path(`${folder}${count % smallFiles}`);
        return target.must({ method: 'PUT', path, body: smallBody() }, { on, status: 204 });
      });
      return { [id]: pace.perSecond, [`${id}-p99`]: pace.p99Ms };
    },
    async limit(limitFolder) {
      return { [id]: await appendSmall(limitFolder, { clients, durationMs, makeBody: smallBody }) };
    },
  };
}

function get({ durationMs, smallFiles }: Scale, clients: number): Workload {
  const id = `small-get-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'GET of 4 KiB', clients),
    prepare: (target) => prepareSmall(target, smallFiles),
    async measure(target) {
      const pace = await runClients(target.connections(clients), durationMs, async (on) => {
        const path = target.path(`${folder}${Math.floor(Math.random() * smallFiles)}`);
        const { bodyBytes } = await target.must({ method: 'GET', path }, { on, status: 200 });
        if (bodyBytes !== smallBytes) throw new Error(`${target.name}: ${bodyBytes} bytes came`);
      });
      return { [id]: pace.perSecond, [`${id}-p99`]: pace.p99Ms };
    },
  };
}

export function paceFigures(id: string, what: string, clients: number): readonly Figure[] {
  const title = `${what}, ${clients} ${clients === 1 ? 'client' : 'clients'}`;
  return [
    { id, title, unit: 'per s' },
    { id: `${id}-p99`, title: `${title}, p99`, unit: 'ms', isDetail: true },
  ];
}

/** Names are numbers below `count`. */
export async function prepareSmall(target: Target, count: number): Promise<void> {
  await target.once('small', () => fillFolder(target, folder, count));
}

/** Makes the folder, with files of 4 KiB. `name` ends with a slash. */
export async function fillFolder(target: Target, name: string, count: number): Promise<void> {
  await target.must({ method: 'MKCOL', path: target.path(name) });
  await shareOut(target.connections(manyClients), count, (on, index) =>
    target.must({ method: 'PUT', path: target.path(`${name}${index}`), body: smallBody() }, { on }),
  );
}
