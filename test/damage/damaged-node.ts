/** Eight kinds of damage to six targets on one of two nodes. */
import { appendFile, copyFile, open, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '../../src/core/errors.js';
import { SeededRandom } from '../support/seeded-random.js';
import type { DamagedVolume, Tree } from './damaged-volume.js';

export const targets = ['payload', 'header', 'footer', 'journal', 'passport', 'checkpoint'] as const;
export type Target = (typeof targets)[number];
export const kinds = ['bit', 'zeros', 'shorter', 'longer', 'empty', 'swapped', 'older', 'another name'] as const;
export type Kind = (typeof kinds)[number];

const folders: Readonly<Record<Target, string>> = {
  payload: 'segments',
  header: 'segments',
  footer: 'segments',
  journal: 'journal',
  passport: '',
  checkpoint: 'checkpoints',
};

async function filesOf(volume: DamagedVolume, target: Target): Promise<string[]> {
  const [node] = volume.nodes;
  if (target === 'passport') return [join(node!, 'holdfast-node.json')];
  const files = await volume.files(node!, folders[target]);
  return files.filter((path) => !path.endsWith('SHA256SUMS'));
}

/** Where in the file: a header is what stands before the first payload, a footer the last bytes. */
async function placeIn(path: string, target: Target, random: SeededRandom): Promise<number> {
  const { size } = await stat(path);
  const within: Readonly<Partial<Record<Target, readonly [number, number]>>> = {
    header: [0, Math.min(size, 64 + 88)],
    payload: [Math.min(size - 1, 64 + 88), Math.max(1, size - 64 - 88 - 256)],
    footer: [Math.max(0, size - 64), Math.min(size, 64)],
  };
  const [from, length] = within[target] ?? [0, size];
  return Math.min(size - 1, from + random.integer(Math.max(1, length)));
}

export async function damageNode(
  volume: DamagedVolume,
  target: Target,
  kind: Kind,
  random: SeededRandom,
): Promise<string> {
  const files = (await filesOf(volume, target)).filter((path) => path !== undefined);
  const sized: string[] = [];
  for (const path of files) if ((await stat(path)).size > 0) sized.push(path);
  if (sized.length === 0) throw new Error(`nothing to damage: ${target}`);
  const path = random.pick(sized);
  const { size } = await stat(path);
  const name = basename(path);
  const at = await placeIn(path, target, random);
  switch (kind) {
    case 'bit':
      await overwrite(path, at, (bytes) => bytes.map((byte) => byte ^ (1 << random.integer(8))), 1);
      return `${name}, a bit of byte ${at}`;
    case 'zeros':
      await overwrite(path, Math.floor(at / 4096) * 4096, (bytes) => bytes.fill(0), 4096);
      return `${name}, zeros around ${at}`;
    case 'shorter':
      await truncate(path, size - 1);
      return `${name}, ${size - 1} of ${size}`;
    case 'longer':
      await appendFile(path, random.bytes(1));
      return `${name}, a byte more than ${size}`;
    case 'empty':
      await truncate(path, 0);
      return name;
    case 'swapped': {
      if (target === 'passport') {
        await copyFile(join(volume.nodes[1]!, name), path); // The other node's own stays: one node is damaged.
        return `${name} of the other node`;
      }
      const other = random.pick(sized);
      await rename(path, `${path}.x`);
      await copyFile(other === path ? `${path}.x` : other, path);
      if (other !== path) await copyFile(`${path}.x`, other);
      await rm(`${path}.x`);
      return `${name} with ${other}`;
    }
    case 'older': {
      const before = path.replace(dirname(volume.directory), volume.kept('older'));
      const bytes = await readFile(before).catch(() => undefined);
      await writeFile(path, bytes ?? (await readFile(path)).subarray(0, Math.floor(size / 2)));
      return `${name}, ${bytes ? 'as it was' : 'the first half'}`;
    }
    case 'another name': {
      const other = target === 'passport' ? `${path}.copy` : join(dirname(path), anotherName(name));
      await copyFile(path, other);
      return `${name} also as ${basename(other)}`;
    }
  }
}

/** A name that could be one of the program's own. */
const anotherName = (name: string): string =>
  name.replace(/[0-9a-f](?=\.[a-z]+$)/, (digit) => (digit === '7' ? '8' : '7'));

async function overwrite(
  path: string,
  at: number,
  change: (bytes: Buffer) => Uint8Array,
  length: number,
): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await file.read(bytes, 0, length, at);
    await file.write(change(bytes.subarray(0, bytesRead)), 0, bytesRead, at);
  } finally {
    await file.close();
  }
}

export type Moment = 'at opening' | 'open' | 'index gone';
export const moments: readonly Moment[] = ['at opening', 'open', 'index gone'];

export async function runNodeCase(
  volume: DamagedVolume,
  truth: Tree,
  { target, kind, moment, seed }: { target: Target; kind: Kind; moment: Moment; seed: number },
): Promise<void> {
  const random = new SeededRandom(seed);
  let what = '';
  try {
    await volume.putBack('closed');
    if (moment !== 'open') what = await damageNode(volume, target, kind, random);
    if (moment === 'index gone') for (const suffix of ['', '-closed']) await rm(volume.index + suffix);
    await volume.open();
    if (moment === 'open') what = await damageNode(volume, target, kind, random);
    // A node without its passport stays away until a person puts it right.
    if (target === 'passport') await volume.mustShow(truth);
    else await mustServeAndHeal(volume, truth);
  } catch (error) {
    // Half of the nodes and no index: it asks for the other disk, as it should.
    if (target === 'passport' && moment === 'index gone' && hasCode(error, 'READ_ONLY')) return;
    const events = volume.events.map(({ message }) => message).join('\n');
    throw new Error(`${target}, ${kind}, ${moment}, seed ${seed}: ${what}: ${String(error)}\n${events}`, {
      cause: error,
    });
  } finally {
    await volume.close();
  }
}

async function mustServeAndHeal(volume: DamagedVolume, truth: Tree): Promise<void> {
  await volume.mustServe(truth);
  // Its check finds whatever the one of `mustShow` does.
  await volume.mustHeal();
}

/** Bits flipped at once, anywhere on one node but in its passport. */
export async function flipOnNode(volume: DamagedVolume, flips: number, random: SeededRandom): Promise<string> {
  const [node] = volume.nodes;
  const files: string[] = [];
  for (const folder of ['segments', 'journal', 'checkpoints']) {
    for (const path of await volume.files(node!, folder)) if ((await stat(path)).size > 0) files.push(path);
  }
  const flipped: string[] = [];
  for (let count = 0; count < flips; count += 1) {
    const path = random.pick(files);
    const { size } = await stat(path);
    // Heads and ends are small; half of the flips go there.
    const at = random.pick([
      random.integer(size),
      random.integer(Math.min(size, 200)),
      size - 1 - random.integer(Math.min(size, 200)),
    ]);
    await overwrite(path, at, (bytes) => bytes.map((byte) => byte ^ (1 << random.integer(8))), 1);
    flipped.push(`${basename(path)} ${at}`);
  }
  return flipped.join(', ');
}

export async function runFlips(
  volume: DamagedVolume,
  truth: Tree,
  { flips, moment, seed }: { flips: number; moment: Moment; seed: number },
): Promise<void> {
  const random = new SeededRandom(seed);
  let what = '';
  try {
    await volume.putBack('closed');
    if (moment !== 'open') what = await flipOnNode(volume, flips, random);
    if (moment === 'index gone') for (const suffix of ['', '-closed']) await rm(volume.index + suffix);
    await volume.open();
    if (moment === 'open') what = await flipOnNode(volume, flips, random);
    await mustServeAndHeal(volume, truth);
  } catch (error) {
    const events = volume.events.map(({ message }) => message).join('\n');
    throw new Error(`${flips} flips, ${moment}, seed ${seed}: ${what}: ${String(error)}\n${events}`, { cause: error });
  } finally {
    await volume.close();
  }
}
