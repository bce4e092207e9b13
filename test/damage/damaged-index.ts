/** Ways in which an index comes to be damaged, each drawn from a seed. */
import { copyFile, mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Database } from '../../src/meta/sqlite/binding.js';
import { SeededRandom } from '../support/seeded-random.js';
import { type DamagedVolume, type Tree, DamagedVolume as Volume } from './damaged-volume.js';

/** 'closed': in order. 'killed': its process was killed, and the WAL is there. 'older': what it was long before. */
export type KeptState = 'closed' | 'killed' | 'older';

export interface IndexDamage {
  readonly kind: string;
  readonly state: KeptState;
  /** When: before it is opened, or while it is open. */
  readonly when: 'closed' | 'open';
  readonly damage: (volume: DamagedVolume, random: SeededRandom) => Promise<string>;
  /** Of a case: the seed alone says all. */
  readonly weight: number;
}

export async function flipBit(path: string, random: SeededRandom, fromByte = 0): Promise<string> {
  const { size } = await stat(path);
  const at = fromByte + random.integer(size - fromByte);
  const bit = random.integer(8);
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0]! ^= 1 << bit;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
  return `bit ${bit} of byte ${at} of ${size}`;
}

async function cut(path: string, random: SeededRandom): Promise<string> {
  const { size } = await stat(path);
  const to = random.pick([random.integer(size), Math.floor(random.integer(size) / 4096) * 4096]);
  await truncate(path, to);
  return `cut to ${to} of ${size}`;
}

async function zero(path: string, random: SeededRandom): Promise<string> {
  const { size } = await stat(path);
  const at = Math.floor(random.integer(size) / 4096) * 4096;
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(Math.min(4096, size - at)), 0, undefined, at);
  await file.close();
  return `zeros from ${at} of ${size}`;
}

const mark = (volume: DamagedVolume) => `${volume.index}-closed`;
const withoutMark = (volume: DamagedVolume) => rm(mark(volume), { force: true });

/** 100 of these weights make 100 cases: most are flipped bits. */
export const indexDamages: readonly IndexDamage[] = [
  {
    kind: 'a bit flips beside its mark',
    state: 'closed',
    when: 'closed',
    weight: 15,
    damage: (volume, random) => flipBit(volume.index, random),
  },
  {
    kind: 'a bit flips, and there is no mark',
    state: 'closed',
    when: 'closed',
    weight: 25,
    damage: async (volume, random) => {
      await withoutMark(volume);
      return flipBit(volume.index, random);
    },
  },
  {
    kind: 'a bit flips while it is open',
    state: 'closed',
    when: 'open',
    weight: 25,
    damage: (volume, random) => flipBit(volume.index, random, 4096),
  },
  {
    kind: 'a bit flips in the file of a killed process',
    state: 'killed',
    when: 'closed',
    weight: 5,
    damage: (volume, random) => flipBit(volume.index, random),
  },
  {
    kind: 'a bit flips in the WAL',
    state: 'killed',
    when: 'closed',
    weight: 5,
    damage: (volume, random) => flipBit(`${volume.index}-wal`, random),
  },
  {
    kind: 'it is cut',
    state: 'closed',
    when: 'closed',
    weight: 6,
    damage: (volume, random) => cut(volume.index, random),
  },
  {
    kind: 'it is cut, and there is no mark',
    state: 'killed',
    when: 'closed',
    weight: 4,
    damage: (volume, random) => cut(volume.index, random),
  },
  {
    kind: 'a page of zeros',
    state: 'killed',
    when: 'closed',
    weight: 3,
    damage: (volume, random) => zero(volume.index, random),
  },
  ...others(),
];

function others(): IndexDamage[] {
  const each = (
    kind: string,
    state: KeptState,
    damage: (volume: DamagedVolume, random: SeededRandom) => Promise<unknown>,
  ): IndexDamage => ({
    kind,
    state,
    when: 'closed',
    weight: 1,
    damage: async (volume, random) => String((await damage(volume, random)) ?? ''),
  });
  const older = (volume: DamagedVolume, suffix = '') => volume.kept('older', 'home', `index.db${suffix}`);
  return [
    each('rolled back with its mark', 'closed', async (volume) => {
      await copyFile(older(volume), volume.index);
      await copyFile(older(volume, '-closed'), mark(volume));
    }),
    each('rolled back without a mark', 'closed', async (volume) => {
      await copyFile(older(volume), volume.index);
      await withoutMark(volume);
    }),
    each('of another volume', 'closed', async (volume) => {
      await copyFile(volume.kept('other', 'home', 'index.db'), volume.index);
      await copyFile(volume.kept('other', 'home', 'index.db-closed'), mark(volume));
    }),
    each('deleted', 'closed', (volume) => rm(volume.index)),
    each('deleted, its WAL left', 'killed', (volume) => rm(volume.index)),
    each('the WAL deleted', 'killed', (volume) => rm(`${volume.index}-wal`)),
    each('the WAL cut', 'killed', (volume, random) => cut(`${volume.index}-wal`, random)),
    each('the WAL of another time', 'killed', (volume) =>
      copyFile(volume.kept('older-killed', 'home', 'index.db-wal'), `${volume.index}-wal`),
    ),
    each('an old WAL beside an index that was closed', 'closed', (volume) =>
      copyFile(volume.kept('older-killed', 'home', 'index.db-wal'), `${volume.index}-wal`),
    ),
    each('an old WAL, and no mark', 'closed', async (volume) => {
      await copyFile(volume.kept('older-killed', 'home', 'index.db-wal'), `${volume.index}-wal`);
      await withoutMark(volume);
    }),
    each('a -shm of nonsense', 'killed', (volume, random) => writeFile(`${volume.index}-shm`, random.bytes(32_768))),
    each('empty', 'closed', (volume) => writeFile(volume.index, '')),
    each('empty without a mark', 'killed', (volume) => writeFile(volume.index, '')),
    each('no database at all', 'killed', (volume, random) => writeFile(volume.index, random.bytes(50_000))),
    each('of another version', 'closed', async (volume, random) => {
      await withoutMark(volume);
      const database = new Database(volume.index);
      const version = random.pick([1, 2, 99]);
      database.pragma(`user_version = ${version}`);
      database.close();
      return `version ${version}`;
    }),
    each('the mark damaged', 'closed', (volume, random) => flipBit(mark(volume), random)),
  ];
}

/** The states that cases begin with. */
export async function prepareVolumes(folder: string, files: number): Promise<{ volume: DamagedVolume; truth: Tree }> {
  const other = await new Volume(join(folder, 'other')).create();
  await other.open();
  await other.fill(99, 5);
  await other.close();
  const volume = await new Volume(join(folder, 'volume')).create();
  await mkdir(`${join(folder, 'volume')}.other`, { recursive: true });
  await copyIndex(other, volume, 'other');
  await volume.open();
  await volume.fill(1, Math.ceil(files / 2));
  await volume.keep('older-killed');
  await volume.close();
  await volume.keep('older');
  await volume.open();
  for (let file = 0; file < files / 2; file += 1) {
    await volume.put(`plain/later ${file}`, new SeededRandom(file).bytes(2_000 + file));
  }
  await volume.keep('killed');
  const truth = await volume.tree();
  await volume.close();
  await volume.keep('closed');
  return { volume, truth };
}

async function copyIndex(from: DamagedVolume, to: DamagedVolume, name: string): Promise<void> {
  await mkdir(to.kept(name, 'home'), { recursive: true });
  for (const suffix of ['', '-closed']) {
    await writeFile(to.kept(name, 'home', `index.db${suffix}`), await readFile(from.index + suffix));
  }
}

/** The damage of case number `at`: the first hundred hold each kind as often as its weight says. */
export function damageOf(at: number): IndexDamage {
  const all = indexDamages.flatMap((damage) => Array.from({ length: damage.weight }, () => damage));
  // Step by step through all kinds, so that a few cases see many kinds.
  return all[(at * 37) % all.length]!;
}

/** One case; what happened is in the error's message, with the number that repeats it. */
export async function runIndexCase(volume: DamagedVolume, truth: Tree, at: number): Promise<string> {
  const { kind, state, when, damage } = damageOf(at);
  const random = new SeededRandom(1_000 + at);
  let what = '';
  try {
    await volume.putBack(state);
    if (when === 'closed') what = await damage(volume, random);
    await volume.open();
    if (when === 'open') what = await damage(volume, random);
    await volume.mustShow(truth);
    const isNew = volume.events.some(({ message }) => message.includes('made anew'));
    if (at % 8 === 0) {
      await volume.close();
      await volume.open(); // What was made anew lasts.
      await volume.mustShow(truth);
    }
    return `${kind}: ${what}${isNew ? ', made anew' : ''}`;
  } catch (error) {
    throw new Error(`case ${at} (CASE=${at} repeats it): ${kind}, ${what}: ${String(error)}`, { cause: error });
  } finally {
    await volume.close();
  }
}
