/** Damage to one disk, past all caches, while the machine is off or runs. */
import type { SeededRandom } from './seeded-random.js';
import { SimDisk } from './sim-disk.js';
import { sectorBytes } from './sim-file.js';

export type Damage = 'bit rot' | 'sector lost' | 'misdirected write' | 'stale file';

const pageBytes = 4096;

/** What was done; undefined when there was nothing to damage. `older`: an earlier state of the disk. */
export function damage(disk: SimDisk, random: SeededRandom, older: SimDisk | undefined): Damage | undefined {
  const kind = random.pick<Damage>(['bit rot', 'bit rot', 'sector lost', 'misdirected write', 'stale file']);
  const files = disk.files().filter(({ file }) => file.sizeBytes > 0);
  if (files.length === 0) return undefined;
  const { file, path } = random.pick(files);
  if (kind === 'bit rot') {
    file.damage((bytes) => {
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return bytes;
    });
    return kind;
  }
  if (kind === 'stale file') {
    const before = older?.files().find((other) => other.path === path)?.bytes;
    if (!before || before.equals(file.view())) return undefined;
    file.damage(() => Buffer.from(before));
    return kind;
  }
  const start = sectorBytes * random.below(Math.ceil(file.sizeBytes / sectorBytes));
  if (kind === 'sector lost') {
    const value = random.chance(0.5) ? 0 : random.below(256);
    file.damage((bytes) => bytes.fill(value, start, Math.min(bytes.length, start + sectorBytes)));
    return kind;
  }
  // A write of valid bytes that went to the wrong place.
  const { file: other } = random.pick(files);
  const page = pageBytes * random.below(Math.ceil(other.sizeBytes / pageBytes));
  const written = Buffer.from(other.view().subarray(page, page + pageBytes));
  if (other === file && page === start) return undefined;
  file.damage((bytes) => {
    written.copy(bytes, start);
    return bytes;
  });
  return kind;
}

export type Exchange = 'old disk' | 'clone' | 'empty disk' | 'disk of another node';

/** Another disk where the node's own was. `isIts`: the drive may take it for the node. */
export function exchange(
  disk: SimDisk,
  random: SeededRandom,
  { older, other }: { readonly older: SimDisk | undefined; readonly other: SimDisk },
): { readonly kind: Exchange; readonly disk: SimDisk; readonly isIts: boolean } | undefined {
  const kind = random.pick<Exchange>(['old disk', 'old disk', 'clone', 'empty disk', 'disk of another node']);
  if (kind === 'old disk') return older && { kind, disk: older.clone(), isIts: true };
  if (kind === 'clone') return { kind, disk: disk.clone(), isIts: true };
  if (kind === 'empty disk') return { kind, disk: new SimDisk(`${disk.name}-empty`), isIts: false };
  return { kind, disk: other.clone(), isIts: false };
}
