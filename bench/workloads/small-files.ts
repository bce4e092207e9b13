/** Files of 4 KiB: new ones, overwritten ones, read ones, by one client and by sixteen. */
import { shareOut } from '../client/clients.js';
import type { Target } from '../client/target.js';
import { uniqueBuffer } from '../client/unique-bytes.js';
import { measurePace, paceFigures } from './paced.js';
import { appendSmall } from './plain-writer.js';
import type { Scale, Workload } from './workload.js';

const smallBytes = 4096;
const smallBody = (): Buffer => uniqueBuffer(smallBytes);
const manyClients = 16;
const folder = 'small/';

export function smallFiles(scale: Scale): Workload[] {
  const each = [1, manyClients].flatMap((clients) => [
    put(scale, clients),
    overwrite(scale, clients),
    get(scale, clients),
  ]);
  return [...each, makeFolders(scale, 1), makeFolders(scale, manyClients)];
}

function put(scale: Scale, clients: number): Workload {
  const id = `small-put-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'PUT of 4 KiB', clients),
    async measure(target) {
      // A new folder for each turn, so that no turn works on a fuller one.
      const into = target.path(`${target.freshName('puts')}/`);
      await target.must({ method: 'MKCOL', path: into });
      let count = 0;
      const values = await measurePace(id, target, { ...scale, clients }, (on) => {
        count += 1;
        return target.must({ method: 'PUT', path: `${into}${count}`, body: smallBody() }, { on, status: 201 });
      });
      await target.must({ method: 'DELETE', path: into });
      return values;
    },
    async limit(limitFolder) {
      return { [id]: await appendSmall(limitFolder, { clients, durationMs: scale.durationMs, makeBody: smallBody }) };
    },
  };
}

function overwrite(scale: Scale, clients: number): Workload {
  const id = `small-overwrite-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'overwrite of 4 KiB', clients),
    prepare: (target) => prepareSmall(target, scale.smallFiles),
    async measure(target) {
      let count = 0;
      return measurePace(id, target, { ...scale, clients }, (on) => {
        count += 1;
        const path = target.path(`${folder}${count % scale.smallFiles}`);
        return target.must({ method: 'PUT', path, body: smallBody() }, { on, status: [200, 201, 204] });
      });
    },
    async limit(limitFolder) {
      return { [id]: await appendSmall(limitFolder, { clients, durationMs: scale.durationMs, makeBody: smallBody }) };
    },
  };
}

function get(scale: Scale, clients: number): Workload {
  const id = `small-get-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'GET of 4 KiB', clients),
    prepare: (target) => prepareSmall(target, scale.smallFiles),
    async measure(target) {
      return measurePace(id, target, { ...scale, clients }, async (on) => {
        const path = target.path(`${folder}${Math.floor(Math.random() * scale.smallFiles)}`);
        const { bodyBytes } = await target.must({ method: 'GET', path }, { on, status: 200 });
        if (bodyBytes !== smallBytes) throw new Error(`${target.name}: ${bodyBytes} bytes came`);
      });
    },
  };
}

function makeFolders(scale: Scale, clients: number): Workload {
  const id = `mkcol-${clients}`;
  return {
    name: id,
    figures: paceFigures(id, 'MKCOL', clients),
    async measure(target) {
      const into = target.path(`${target.freshName('folders')}/`);
      await target.must({ method: 'MKCOL', path: into });
      let count = 0;
      const values = await measurePace(id, target, { ...scale, clients }, (on) => {
        count += 1;
        return target.must({ method: 'MKCOL', path: `${into}${count}/` }, { on, status: 201 });
      });
      await target.must({ method: 'DELETE', path: into });
      return values;
    },
  };
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
