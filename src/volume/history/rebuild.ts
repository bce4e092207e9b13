/**
 * Rebuilds an index from the nodes alone: the newest whole checkpoint, the journal since, and the segments' own records
 * for the places. Writes nothing to any node; the opening that follows does. It refuses with half of the nodes or more
 * away: what they know could be newer than everything that is here. Nodes that a person left out do not count as away.
 */
import { DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import type { Progress } from '../../core/progress.js';
import { shellWord } from '../../core/text/shell-word.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import type { MetaStore } from '../../meta/meta-store.js';
import type { EpochRow, NodeRow, Tip } from '../../meta/rows.js';
import { parseCheckpointName } from '../../segment/checkpoint-name.js';
import { checkpointPieces } from '../../store/journal/node-checkpoints.js';
import type { EngineNode } from '../engine-node.js';
import { catchUpIndex, readHistory } from './opening.js';
import { earlyPlaces, findPlaces } from './segment-places.js';

export interface RebuildInput {
  /** Makes a new empty index; called again when a checkpoint turns out to be damaged. */
  readonly newIndex: () => Promise<MetaStore>;
  /** Present nodes. */
  readonly nodes: readonly EngineNode[];
  /** Of the volume's nodes, those that are lost for good: they are not counted. Default: none. */
  readonly leaveOut?: ((known: readonly NodeRow[]) => readonly NodeId[]) | undefined;
  /** The history ends with this sequence number, for a rehearsal beside a drive that goes on. Default: all of it. */
  readonly upTo?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Candidate {
  readonly node: EngineNode;
  readonly name: string;
  readonly sizeBytes: number;
}

/** The index, replayed to the end of the history, with every place. The caller closes it. */
export async function rebuildIndex(input: RebuildInput): Promise<MetaStore> {
  const meta = await loadNewestCheckpoint(input);
  try {
    const acceptsFollowers = input.leaveOut !== undefined;
    const { history, sources } = await readHistory({ meta, nodes: input.nodes, acceptsFollowers }).catch(withWayOut);
    if (!history) {
      throw new DriveError('DAMAGED', {
        message: 'these directories hold no history of a volume',
        hint: 'name the node directories with --node',
      });
    }
    const { upTo = Number.POSITIVE_INFINITY, onProgress } = input;
    const chain = history.chain.filter(({ sequence }) => sequence <= upTo);
    const from = meta.reader.tip()?.sequence ?? 0;
    const total = chain.filter(({ sequence }) => sequence > from).length;
    let done = 0;
    const onBatch = () => onProgress?.({ phase: 'replaying the journal', done: done++, total, unit: 'batches' });
    const early = earlyPlaces(input);
    await catchUpIndex({ meta, history: { ...history, chain }, sources, onBatch, earlyPlaces: early });
    demandMajority(meta, history.epoch, input);
    await findPlaces({ ...input, meta });
    return meta;
  } catch (error) {
    await meta.close();
    throw error;
  }
}

/** Of a refusal: what to do when its disks never come back. */
function withWayOut(error: unknown): never {
  if (!hasCode(error, 'READ_ONLY')) throw error;
  const { message, details, hint } = error;
  const wayOut = 'for those that are lost for good: holdfast rebuild DIR --node PATH --without NODE, for each of them';
  throw new DriveError('READ_ONLY', { message, details, hint: `${hint}; ${wayOut}`, cause: error });
}

async function loadNewestCheckpoint(input: RebuildInput): Promise<MetaStore> {
  const candidates: (Candidate & { readonly sequence: number })[] = [];
  for (const node of input.nodes) {
    for (const { name, sizeBytes } of await node.store.list('checkpoints')) {
      const sequence = parseCheckpointName(name)?.sequence;
      if (sequence !== undefined && sequence <= (input.upTo ?? sequence))
        candidates.push({ node, name, sizeBytes, sequence });
    }
  }
  candidates.sort((a, b) => b.sequence - a.sequence);
  for (const candidate of candidates) {
    const meta = await input.newIndex();
    try {
      await loadCheckpoint(meta, candidate, input);
      return meta;
    } catch (error) {
      await meta.close();
      if (await isBelieved(candidate, candidates)) throw naming(error, candidate);
    }
  }
  return input.newIndex();
}

/** Damage can look like anything, a newer version's words too: what is not whole is believed only where nothing else is. */
async function isBelieved({ node, name }: Candidate, all: readonly Candidate[]): Promise<boolean> {
  try {
    return await isWhole(node, name);
  } catch (error) {
    if (!hasCode(error, 'NEWER_FORMAT')) throw error;
  }
  // It says of itself that it is newer, and how a newer one is verified is not known. The same one lies on other nodes.
  for (const twin of all.filter((other) => other.name === name && other.node !== node)) {
    if (await isWhole(twin.node, name).catch(() => false)) return false;
  }
  return true;
}

/** Which file it is about. */
function naming(error: unknown, { node, name }: Candidate): unknown {
  if (!hasCode(error, 'NEWER_FORMAT')) return error;
  const { message, details, hint } = error;
  return new DriveError('NEWER_FORMAT', {
    message: `${name} on ${node.label}: ${message}`,
    details,
    hint,
    cause: error,
  });
}

async function isWhole(node: EngineNode, name: string): Promise<boolean> {
  try {
    await decodeCheckpoint(checkpointPieces(node.store, name), async () => undefined);
    return true;
  } catch (error) {
    if (hasCode(error, 'CORRUPT', 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) return false;
    throw error;
  }
}

async function loadCheckpoint(
  meta: MetaStore,
  { node, name, sizeBytes: total }: Candidate,
  { onProgress }: RebuildInput,
): Promise<void> {
  let done = 0;
  const header = await decodeCheckpoint(checkpointPieces(node.store, name), async (operations) => {
    onProgress?.({ phase: 'loading a checkpoint', done, total, unit: 'bytes' });
    await meta.writer.loadCheckpoint({ operations });
    done += operations.length;
  });
  const finish: Tip = { sequence: header.sequence, hash: header.hash, epoch: header.epoch };
  await meta.writer.loadCheckpoint({ finish });
}

function demandMajority(meta: MetaStore, epoch: EpochRow, { nodes: present, leaveOut }: RebuildInput): void {
  // A node that is away on purpose was never in a write set: it cannot hold newer changes than the others.
  const all = meta.reader.nodes();
  const members = all.filter((node) => node.role !== 'retired' && node.role !== 'away');
  const here = present.filter(({ id }) => !all.some((node) => node.id === id && node.role === 'away'));
  const leftOut = new Set(leaveOut?.(members) ?? []);
  const known = members.filter((node) => !leftOut.has(node.id) || present.some((other) => other.id === node.id));
  const missing = known.filter((node) => !present.some((other) => other.id === node.id));
  const hasMember = epoch.members.some((id) => present.some((node) => node.id === id));
  if (hasMember ? here.length > missing.length : epoch.members.every((id) => leftOut.has(id))) return;
  const names = missing.map((node) => `${node.label} (last at ${node.path})`);
  throw new DriveError('READ_ONLY', {
    message: `${missing.length} of the ${known.length} nodes are away, and the index is gone: the newest changes could be on them`,
    details: { missing: names },
    hint:
      `plug in ${names.join(', ')} and name them with --node; for a node that is lost for good: ` +
      `holdfast rebuild DIR --node PATH --without ${shellWord(missing[0]?.label ?? 'NODE')}`,
  });
}
