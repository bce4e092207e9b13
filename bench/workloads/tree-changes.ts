/** COPY, MOVE and DELETE of a small file, a large file and a large folder. */
import type { Target } from '../client/target.js';
import { median } from '../figures.js';
import { largeName, prepareLarge } from './large-file.js';
import { folderOf, prepareFolder } from './properties.js';
import { prepareSmall } from './small-files.js';
import type { Scale, Workload } from './workload.js';

export function treeChanges(scale: Scale): Workload[] {
  return [smallFile(scale), largeFile(scale), largeFolder(scale)];
}

/** COPY, MOVE and DELETE of one small file after the other by one client: each is durable when it is answered. */
function smallFile({ durationMs, smallFiles }: Scale): Workload {
  const changes = ['copy', 'move', 'delete'] as const;
  return {
    name: 'copy-move-delete-small',
    figures: changes.map((what) => ({
      id: `small-${what}`,
      title: `${what.toUpperCase()} of a file of 4 KiB`,
      unit: 'ms',
    })),
    prepare: (target) => prepareSmall(target, smallFiles),
    async measure(target) {
      const tookMs: Record<(typeof changes)[number], number[]> = { copy: [], move: [], delete: [] };
      for (const until = performance.now() + durationMs; performance.now() < until; ) {
        const name = target.freshName('small-copied');
        tookMs.copy.push(await change(target, 'COPY', 'small/0', name));
        tookMs.move.push(await change(target, 'MOVE', name, `${name}-moved`));
        tookMs.delete.push((await target.must({ method: 'DELETE', path: target.path(`${name}-moved`) })).totalMs);
      }
      return Object.fromEntries(changes.map((what) => [`small-${what}`, median(tookMs[what])]));
    },
  };
}

function largeFile({ largeBytes, repeats, durationMs }: Scale): Workload {
  const size = `${largeBytes / (1024 * 1024)} MiB`;
  return {
    name: 'copy-move-file',
    figures: [
      { id: 'copy-file', title: `COPY of a file of ${size}`, unit: 'ms' },
      { id: 'move-file', title: `MOVE of a file of ${size}`, unit: 'ms' },
    ],
    prepare: (target) => prepareLarge(target, largeBytes),
    async measure(target) {
      const name = target.freshName('copied');
      const copyMs = await change(target, 'COPY', largeName, name);
      const moveMs = await moveToAndFro(target, { here: name, there: `${name}-moved`, pairs: repeats, durationMs });
      await target.must({ method: 'DELETE', path: target.path(name) });
      return { 'copy-file': copyMs, 'move-file': moveMs };
    },
  };
}

function largeFolder({ listings, repeats, durationMs }: Scale): Workload {
  const entries = Math.max(...listings);
  return {
    name: 'copy-move-delete-folder',
    figures: [
      { id: 'copy-folder', title: `COPY of a folder of ${entries}`, unit: 'ms' },
      { id: 'move-folder', title: `MOVE of a folder of ${entries}`, unit: 'ms' },
      { id: 'delete-folder', title: `DELETE of a folder of ${entries}`, unit: 'ms' },
    ],
    prepare: (target) => prepareFolder(target, entries),
    async measure(target) {
      const stem = target.freshName('tree');
      const copyMs = await change(target, 'COPY', folderOf(entries), `${stem}/`);
      const names = { here: `${stem}/`, there: `${stem}-moved/` };
      const moveMs = await moveToAndFro(target, { ...names, pairs: repeats, durationMs });
      const { totalMs } = await target.must({ method: 'DELETE', path: target.path(`${stem}/`) });
      return { 'copy-folder': copyMs, 'move-folder': moveMs, 'delete-folder': totalMs };
    },
  };
}

interface Moves {
  readonly here: string;
  readonly there: string;
  readonly pairs: number;
  /** A slow peer does fewer. */
  readonly durationMs: number;
}

/** The median of so many pairs of moves; ends where it began. */
async function moveToAndFro(target: Target, { here, there, pairs, durationMs }: Moves): Promise<number> {
  const tookMs: number[] = [];
  const until = performance.now() + durationMs;
  while (tookMs.length === 0 || (tookMs.length < 2 * pairs && performance.now() < until)) {
    tookMs.push(await change(target, 'MOVE', here, there), await change(target, 'MOVE', there, here));
  }
  return median(tookMs);
}

async function change(target: Target, method: 'COPY' | 'MOVE', from: string, to: string): Promise<number> {
  const headers = { Destination: target.url(to), Overwrite: 'F', Depth: 'infinity' };
  return (await target.must({ method, path: target.path(from), headers })).totalMs;
}
