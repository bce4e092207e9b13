/**
 * Journals and checkpoints of the nodes that are here. What one of them lacks is degraded, for the others have it; what
 * all of them together do not have is damage: then the index alone knows it.
 */
import { hasCode } from '../../core/errors.js';
import type { MetaReader } from '../../meta/meta-store.js';
import { isReadable, type StoreNode } from '../../store/store-node.js';
import type { CheckSentences } from './check-report.js';
import { type ExaminedHistory, examineHistory, reachOf } from './history-examination.js';

type CheckedNode = StoreNode & { readonly label: string };

/** Nodes that leave meanwhile are left out: the listing tells of them. */
export async function checkHistories(
  nodes: readonly CheckedNode[],
  reader: MetaReader,
): Promise<Omit<CheckSentences, 'notes'>> {
  const positions = new Map(reader.journaled().map(({ node, sequence }) => [node, sequence]));
  const volume = reader.volume()?.id;
  const end = reader.tip()?.sequence ?? 0;
  const counted = nodes.filter(({ role }) => role !== 'retired');
  const examined: ExaminedHistory[] = [];
  const degraded: string[] = [];
  let isSomeWhole = false;
  for (const node of counted.filter(({ state }) => isReadable(state))) {
    try {
      const position = positions.get(node.id) ?? 0;
      const found = await examineHistory(node.store, { volume });
      const sentences = sentencesOf(found, position);
      isSomeWhole ||= sentences.length === 0;
      examined.push(found);
      degraded.push(...sentences.map((sentence) => `node ${node.label}: ${sentence}`));
    } catch (error) {
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
    }
  }
  const areAllHere = counted.every(({ state, role }) => role === 'away' || isReadable(state));
  const isLost = areAllHere && !isSomeWhole && examined.length > 0 && reachTogether(examined) < end;
  return { findings: isLost ? [lostHistory(reachTogether(examined), end)] : [], degraded };
}

function sentencesOf({ badCheckpoints, damagedFiles, reach }: ExaminedHistory, position: number): string[] {
  const sentences = badCheckpoints.map(({ name, problem }) => `its checkpoint ${name} ${problem}`);
  for (const { name } of damagedFiles.filter(({ isHeld }) => !isHeld))
    sentences.push(`its journal file ${name} is damaged`);
  if (reach < position)
    sentences.push(`its journal leads unbroken to batch ${reach}, and the index counts on it up to ${position}`);
  return sentences;
}

/** With what the nodes hold together. */
function reachTogether(examined: readonly ExaminedHistory[]): number {
  const newest = examined.reduce(
    (best, { start }) => (start.sequence > best.sequence ? start : best),
    examined[0]!.start,
  );
  return reachOf(
    examined.flatMap(({ heads }) => heads),
    newest,
  );
}

const lostHistory = (reach: number, end: number): string =>
  `changes ${reach + 1} to ${end} are in the index alone: the journals of all nodes are damaged there. Keep the volume's ` +
  'directory, copy it to another disk, and do not rebuild. A served volume mends it by itself: "holdfast scrub DIR --now" ' +
  'does it at once, with a new checkpoint on every node';
