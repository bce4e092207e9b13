/** What the status says of files that cannot be read whole: how many, and what their owner can do. Pure. */
import type { SalvageFigures } from '../../drive-proof.js';
import type { DriveStatus } from '../../drive-status.js';
import type { Damage } from './salvage.js';

/** The status, with the files that are damaged and what would make them whole. */
export function withDamage(
  status: DriveStatus,
  { damage, isReadOnly }: { readonly damage: Damage | undefined; readonly isReadOnly: boolean },
): DriveStatus {
  if (damage === undefined || damage.damagedFiles === 0) return status;
  const { files, ...figures } = damage;
  return {
    ...status,
    health: 'damaged',
    protection: isReadOnly ? `${damageSentence(figures)} Nothing can be saved now.` : damageSentence(figures),
    salvage: { ...figures, files: files.map(({ path }) => path) },
  };
}

/** What the owner can do, before anything else. */
export function damageSentence({ damagedFiles, nodes, together, unplaced, nowhere }: SalvageFigures): string {
  const [first] = nodes;
  const whole = damagedFiles - nowhere - unplaced;
  const cannot = `${count(damagedFiles)} cannot be read whole now`;
  const others = 'everything else can be read, and nothing is deleted';
  if (!first || whole === 0) {
    const absent = nodes.map(({ label }) => `"${label}"`).join(' or ');
    if (unplaced > 0) return `${cannot}: what is missing may lie on ${absent}: plug in each of them; ${others}.`;
    return `${cannot}: no copy of a part of ${damagedFiles === 1 ? 'it' : 'each'} is left on any known disk; ${others}.`;
  }
  const rest = damagedFiles - first.files;
  const names = nodes.map(({ label }) => `"${label}"`);
  const enough = nodes.filter(({ files }) => files === damagedFiles).map(({ label }) => `"${label}"`);
  if (rest === 0)
    return `${cannot}: plug in ${enough.join(' or ')} and ${damagedFiles === 1 ? 'it is' : 'they are'} whole; ${others}.`;
  const all = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  const left = nowhere === 0 ? '' : `; of ${nowhere} no whole copy is known`;
  const which = whole === damagedFiles ? 'they are whole' : `${whole} of them are whole`;
  return `${cannot}: plug in ${all} and ${which}${together > 0 && names.length > 1 ? ' (some need all of these)' : ''}${left}; ${others}.`;
}

const count = (files: number): string => `${files.toLocaleString('en-US')} file${files === 1 ? '' : 's'}`;
