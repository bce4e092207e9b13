/**
 * The workloads whose every call is struck. Each works in a folder of its own, made by `prepare`; `run` is what the
 * fault strikes. Changes go through `world.change`, which announces them before and acknowledges them after.
 */
import { rmSync } from 'node:fs';
import type { Drive } from '../../../../../src/drive-contract.js';
import type { Change } from '../tree.js';
import { atticIsEmpty, copiesOf, newestSegment, segmentBytes } from './node-files.js';

export interface World {
  /** The drive that is open now. */
  readonly drive: Drive;
  /** Of this point. */
  readonly folder: string;
  readonly nodePaths: readonly string[];
  change(change: Change): Promise<void>;
  /** Begun one after the other without waiting. */
  changeTogether(changes: readonly Change[]): Promise<void>;
  /** Closed and opened again: what was open for writing is sealed. */
  reopen(): Promise<void>;
  /** The close is part of the workload. */
  close(): Promise<void>;
  until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void>;
}

export interface Workload {
  /** How many times faster the drive's clock goes; 1 where no background work is waited for. */
  readonly speed: number;
  /** Points after which a new volume is made: what is there is read whole at each point. */
  readonly pointsPerVolume: number;
  /** The fault is armed before the drive is opened, and `prepare` is left out. */
  readonly fromOpening?: boolean;
  /** Copies are missing on purpose: no further disk may be away. */
  readonly losesCopies?: boolean;
  readonly checkpointAfterBytes?: number;
  prepare(world: World): Promise<void>;
  run(world: World): Promise<void>;
}

const KiB = 1024;
const MiB = 1024 * KiB;

const file = (world: World, name: string, sizeBytes: number, version = 1): Change => {
  const path = `${world.folder}/${name}`;
  return { kind: 'put', path, key: `${path} ${version}`, sizeBytes };
};

const makeFolder = (world: World): Promise<void> => world.change({ kind: 'folder', path: world.folder });

const putNew: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  prepare: makeFolder,
  async run(world) {
    await world.change(file(world, 'small', 3 * KiB));
    await world.changeTogether([file(world, 'a', 70 * KiB), file(world, 'b', 200 * KiB), file(world, 'empty', 0)]);
    await world.change(file(world, 'last', 10 * KiB));
  },
};

const putOverwrite: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  async prepare(world) {
    await makeFolder(world);
    await world.changeTogether([file(world, 'a', 90 * KiB), file(world, 'b', 5 * KiB), file(world, 'c', 20 * KiB)]);
  },
  async run(world) {
    await world.change(file(world, 'a', 80 * KiB, 2));
    await world.changeTogether([file(world, 'b', 0, 2), file(world, 'c', 100 * KiB, 2)]);
    await world.change(file(world, 'a', 90 * KiB, 1));
  },
};

const putLarge: Workload = {
  speed: 1,
  pointsPerVolume: 10,
  async prepare(world) {
    await makeFolder(world);
    await world.change(file(world, 'kept', 40 * KiB));
  },
  async run(world) {
    await world.change(file(world, 'large', 2 * MiB + 300 * KiB));
    await world.change(file(world, 'large', MiB + 1, 2));
  },
};

const copy: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  async prepare(world) {
    await makeFolder(world);
    await world.change({ kind: 'folder', path: `${world.folder}/from` });
    await world.changeTogether([file(world, 'from/a', 30 * KiB), file(world, 'from/b', 100), file(world, 'old', 50)]);
    await world.change({ kind: 'property', path: `${world.folder}/from/a`, name: 'colour', value: '<x>blue</x>' });
  },
  async run(world) {
    const { folder } = world;
    await world.change({ kind: 'copy', path: `${folder}/from`, target: `${folder}/to` });
    await world.change({ kind: 'copy', path: `${folder}/from/a`, target: `${folder}/old` });
    await world.change({ kind: 'copy', path: `${folder}/to`, target: `${folder}/from/deep` });
  },
};

const moveOverwrite: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  async prepare(world) {
    await makeFolder(world);
    await world.change({ kind: 'folder', path: `${world.folder}/tree` });
    await world.changeTogether([file(world, 'tree/a', 30 * KiB), file(world, 'new', 9 * KiB), file(world, 'old', 50)]);
  },
  async run(world) {
    const { folder } = world;
    await world.change({ kind: 'move', path: `${folder}/new`, target: `${folder}/old` });
    await world.change({ kind: 'move', path: `${folder}/tree`, target: `${folder}/tree 2` });
    // As editors save: beside it, then over it.
    await world.change(file(world, 'tree 2/~a', 33 * KiB));
    await world.change({ kind: 'move', path: `${folder}/tree 2/~a`, target: `${folder}/tree 2/a` });
  },
};

const deleteTree: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  async prepare(world) {
    const { folder } = world;
    await makeFolder(world);
    await world.changeTogether(['one', 'two'].map((name) => ({ kind: 'folder', path: `${folder}/${name}` })));
    const names = ['one/a', 'one/b', 'two/a', 'c', 'd'];
    await world.changeTogether(names.map((name) => file(world, name, 20 * KiB)));
  },
  async run(world) {
    const { folder } = world;
    await world.change({ kind: 'delete', path: `${folder}/one` });
    await world.change({ kind: 'folder', path: `${folder}/one` });
    await world.changeTogether([file(world, 'one/a', 12 * KiB, 2), { kind: 'delete', path: `${folder}/two` }]);
    await world.change({ kind: 'delete', path: folder });
  },
};

const propertiesAndLocks: Workload = {
  speed: 1,
  pointsPerVolume: 40,
  async prepare(world) {
    await makeFolder(world);
    await world.changeTogether([file(world, 'a', 30 * KiB), file(world, 'b', 9 * KiB)]);
  },
  async run(world) {
    const a = `${world.folder}/a`;
    await world.change({ kind: 'property', path: a, name: 'colour', value: '<c xmlns="urn:test">red</c>' });
    await world.change({ kind: 'lock', path: a, owner: 'Ada' });
    await world.changeTogether([
      { kind: 'property', path: `${world.folder}/b`, name: 'size', value: '<s xmlns="urn:test">9</s>' },
      { kind: 'lock', path: `${world.folder}/b`, owner: 'Bob' },
    ]);
    await world.change({ kind: 'unlock', path: a, owner: 'Ada' });
  },
};

const heal: Workload = {
  speed: 20,
  pointsPerVolume: 20,
  losesCopies: true,
  async prepare(world) {
    await makeFolder(world);
    await world.changeTogether([file(world, 'a', 300 * KiB), file(world, 'b', 50 * KiB)]);
    await world.reopen();
    await world.until('nothing is degraded', () => isWhole(world.drive));
  },
  async run(world) {
    const { path, name } = newestSegment(world.nodePaths);
    rmSync(path);
    await world.change(file(world, 'c', 5 * KiB));
    await world.until('the copy is made again', async () => {
      const copies = copiesOf(world.nodePaths, name).length;
      // None at all: the segment was merged into another one meanwhile, and there is nothing to heal.
      return (copies >= 2 || copies === 0) && isWhole(world.drive);
    });
  },
};

const clean: Workload = {
  speed: 20,
  pointsPerVolume: 10,
  async prepare(world) {
    await makeFolder(world);
    const names = ['kept', 'b', 'c', 'd'];
    await world.changeTogether(names.map((name) => file(world, name, name === 'kept' ? 60 * KiB : 900 * KiB)));
    await world.change(file(world, 'dead', 30 * KiB));
    await world.reopen();
    await world.until('nothing is degraded', () => isWhole(world.drive));
  },
  async run(world) {
    const { folder } = world;
    const before = segmentBytes(world.nodePaths);
    await world.changeTogether(['b', 'c', 'd', 'dead'].map((name) => ({ kind: 'delete', path: `${folder}/${name}` })));
    await world.until('both copies of the dead bytes are gone', () => {
      return segmentBytes(world.nodePaths) < before - 4 * MiB && atticIsEmpty(world.nodePaths);
    });
  },
};

/** A second and more. */
const looksBeforeChange = 200;

const opening: Workload = {
  speed: 20,
  pointsPerVolume: 40,
  fromOpening: true,
  checkpointAfterBytes: KiB,
  async prepare() {},
  async run(world) {
    await makeFolder(world);
    await world.changeTogether([file(world, 'a', 60 * KiB), file(world, 'b', 2 * KiB)]);
    const { checkpoint, sequence } = await world.drive.status();
    let version = 1;
    const changeAgain = () => world.change(file(world, 'a', 3 * KiB, ++version));
    await changeAgain();
    await changeAgain();
    let looks = 0;
    await world.until('a checkpoint is made', async () => {
      const now = (await world.drive.status()).checkpoint;
      if (now !== null && now.sequence >= Math.max(checkpoint?.sequence ?? 0, sequence)) return true;
      looks += 1;
      // Opened again after trouble, the drive counts what is due for a checkpoint from the journal's next file on.
      if (looks % looksBeforeChange === 0) await changeAgain();
      return false;
    });
    await world.close();
  },
};

export const workloads = {
  'put-new': putNew,
  'put-overwrite': putOverwrite,
  'put-large': putLarge,
  copy,
  'move-overwrite': moveOverwrite,
  'delete-tree': deleteTree,
  'properties-and-locks': propertiesAndLocks,
  heal,
  clean,
  opening,
} as const;

export type WorkloadName = keyof typeof workloads;

async function isWhole(drive: Drive): Promise<boolean> {
  const { health, nodes } = await drive.status();
  return health === 'good' && nodes.every((node) => node.behind === 0);
}
