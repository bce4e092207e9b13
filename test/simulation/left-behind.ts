/**
 * What a drive may not leave when all is calm and healed: files on a node that nothing accounts for, numbers that do not
 * add up, memory that was not given back.
 */
import { parseCheckpointName } from '../../src/segment/checkpoint-name.js';
import { parseJournalFileName } from '../../src/segment/journal-file-name.js';
import { segmentOfFileName } from '../../src/segment/segment-id.js';
import type { ModelTree } from './model.js';
import type { SimLife } from './sim-life.js';

const atticWaitMs = 60_000;
const rootFiles = /^(holdfast-node\.json|README.*|.*\.sha256|probe|SHA256SUMS)$/i;

export function leftBehind(life: SimLife, trees: readonly ModelTree[]): string[] {
  return [...strayFiles(life), ...wrongCounts(life, trees), ...heldMemory(life)];
}

function strayFiles({ machine, engine, clock }: SimLife): string[] {
  if (!engine) return [];
  const stray: string[] = [];
  for (const { id, path: mount, disk } of machine.nodes) {
    for (const { path } of disk.files()) {
      const [folder, name] = path.split('/').slice(-2) as [string, string];
      const segment = segmentOfFileName(name);
      const isKnown =
        (folder === 'segments' &&
          segment !== undefined &&
          (engine.isInUse(segment) ||
            engine.reader.segment(segment)?.replicas.some(({ node }) => node === id) === true)) ||
        (folder === 'journal' && parseJournalFileName(name) !== undefined) ||
        // Where the clock went back, what waits to be unlinked waits until then.
        (folder === 'attic' && Number.parseInt(name, 10) > clock.now() - atticWaitMs) ||
        (folder === 'checkpoints' && parseCheckpointName(name) !== undefined) ||
        rootFiles.test(name);
      if (!isKnown) stray.push(`left behind: ${mount}${path}`);
    }
  }
  return stray;
}

/** Clients that had no answer yet may be counted either way, so they leave this open. */
function wrongCounts({ engine }: SimLife, trees: readonly ModelTree[]): string[] {
  if (!engine) return [];
  const counts = engine.reader.counts();
  const files = trees.flatMap((tree) => [...tree.values()].filter(({ kind }) => kind === 'file'));
  const wanted = { files: files.length, logicalBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  return (['files', 'logicalBytes'] as const)
    .filter((key) => counts[key] !== wanted[key])
    .map((key) => `the index counts ${counts[key]} ${key}, there are ${wanted[key]}`);
}

function heldMemory({ engine }: SimLife): string[] {
  const { budget } = engine as unknown as { budget: { free: number; limitBytes: number } };
  return budget.free === budget.limitBytes
    ? []
    : [`${budget.limitBytes - budget.free} bytes of uploads are still held`];
}
