/**
 * What cannot be read now, file by file and exactly: which bytes, on which absent node each lies, and which node makes
 * which files whole again. Everything else is served as ever. Reads the index in a thread, and copies that are here and
 * bad record by record, for a damaged segment still holds what lies beside the damage.
 */
import type { ChunkId, NodeId } from '../../core/ids.js';
import type { DamagedFile, HelpfulNode, SalvageFigures } from '../../drive-proof.js';
import { examineChunks } from '../../maintenance/checking/examined-chunks.js';
import type { MetaStore } from '../../meta/meta-store.js';
import type { SegmentRow } from '../../meta/rows.js';
import type { FoundFiles } from '../../meta/sqlite/damage-search.js';
import { isReadable } from '../../node/node-state.js';
import type { EngineNode } from '../../volume/engine-node.js';

export interface SalvageInput {
  readonly meta: MetaStore;
  readonly nodes: readonly EngineNode[];
}

/** Segments of which no good copy is here, and what of them can be read all the same. */
export interface Loss {
  readonly segments: readonly { readonly id: string; readonly sources: readonly NodeId[] }[];
  readonly readable: readonly ChunkId[];
  readonly hasUnplaced: boolean;
}

const pageSegments = 500;

/** ABORTED. */
export async function findLoss({ meta, nodes }: SalvageInput, signal?: AbortSignal): Promise<Loss> {
  const segments: { id: string; sources: NodeId[] }[] = [];
  const readable: ChunkId[] = [];
  const { reader } = meta;
  for (const row of lostSegments({ meta, nodes })) {
    const holders = nodes.filter(({ id }) => row.replicas.some(({ node }) => node === id));
    const isGood = ({ id }: EngineNode) => row.replicas.some(({ node, state }) => node === id && state === 'good');
    const away = holders.filter(({ state, role }) => !isReadable(state) && role !== 'retired');
    segments.push({ id: row.id, sources: away.filter(isGood).map(({ id }) => id) });
    const here = holders.filter(({ state }) => isReadable(state));
    if (here.length === 0) continue;
    for await (const chunk of examineChunks({ reader }, { segment: row.id, nodes: here, signal })) {
      if (chunk.good > 0) readable.push(chunk.chunk);
    }
  }
  return { segments, readable, hasUnplaced: reader.chunksWithoutPlace(1).length > 0 };
}

function* lostSegments({ meta, nodes }: SalvageInput): Generator<SegmentRow> {
  const here = new Set(nodes.filter(({ state }) => isReadable(state)).map(({ id }) => id));
  for (let after = ''; ; ) {
    const page = meta.reader.segments(after, pageSegments);
    for (const row of page) {
      if (row.liveBytes === 0) continue;
      if (!row.replicas.some(({ node, state }) => state === 'good' && here.has(node))) yield row;
    }
    if (page.length < pageSegments) return;
    after = page.at(-1)!.id;
  }
}

export interface Damage extends SalvageFigures {
  readonly files: readonly DamagedFile[];
}

/** The files that the loss concerns; at most `limit` are named. ABORTED. */
export async function findDamage(
  { meta, nodes }: SalvageInput,
  { loss, limit, signal }: { readonly loss: Loss; readonly limit: number; readonly signal?: AbortSignal | undefined },
): Promise<Damage> {
  const { segments, readable, hasUnplaced } = loss;
  if (segments.length === 0 && !hasUnplaced) return noDamage;
  const query = { segments, except: readable, chunks: [], withoutPlace: hasUnplaced, limit };
  const found = await meta.findParts(query, { signal });
  const absent = nodes.filter(({ state, role }) => !isReadable(state) && role !== 'retired');
  const sources = new Map(segments.map((segment) => [segment.id, segment.sources]));
  const labels = new Map(nodes.map(({ id, label }) => [id, label]));
  const namesOf = (ids: readonly NodeId[] = []) => ids.map((id) => labels.get(id) ?? id);
  return {
    damagedFiles: found.count,
    missingBytes: found.bytes,
    ...verdicts(found.groups, absent),
    files: found.files.map(({ path, sizeBytes, parts }) => ({
      path: `/${path.join('/')}`,
      sizeBytes,
      missingBytes: parts.reduce((sum, { start, end }) => sum + end - start, 0),
      missing: parts.map(({ start, end, segment }) => ({
        start,
        end,
        // With every node here there is nowhere left to look.
        on: segment === null && absent.length > 0 ? null : namesOf(sources.get(segment ?? '')),
      })),
    })),
  };
}

export const noDamage: Damage = {
  damagedFiles: 0,
  missingBytes: 0,
  nodes: [],
  together: 0,
  unplaced: 0,
  nowhere: 0,
  files: [],
};

/** Each file counts for one verdict, and for every absent node that makes it whole by itself. */
function verdicts(
  groups: FoundFiles['groups'],
  absent: readonly EngineNode[],
): Pick<SalvageFigures, 'nodes' | 'together' | 'unplaced' | 'nowhere'> {
  const whole = new Map<NodeId, number>();
  const helpful = new Set<NodeId>();
  const counts = { together: 0, unplaced: 0, nowhere: 0 };
  for (const { sources, count } of groups) {
    const known = sources.filter((choice) => choice !== 'unknown');
    for (const id of known.flat()) helpful.add(id);
    const alone = (known[0] ?? []).filter((id) => known.every((choice) => choice.includes(id)));
    if (known.some((choice) => choice.length === 0)) counts.nowhere += count;
    else if (known.length < sources.length) counts[absent.length > 0 ? 'unplaced' : 'nowhere'] += count;
    else if (alone.length === 0) counts.together += count;
    else for (const id of alone) whole.set(id, (whole.get(id) ?? 0) + count);
  }
  // What lies nobody knows where may lie on any of them.
  const rows = absent
    .filter(({ id }) => helpful.has(id) || counts.unplaced > 0)
    .map(({ id, label, path, since }): HelpfulNode => ({ id, label, path, since, files: whole.get(id) ?? 0 }));
  return { nodes: rows.sort((a, b) => b.files - a.files || (a.label < b.label ? -1 : 1)), ...counts };
}
