/** Tells people of a copy that was found to be bad: where it lies, which files are concerned, and what comes next. */
import type { ChunkId, SegmentId } from '../../core/ids.js';
import type { ReplicaState } from '../../meta/rows.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { type Examination, examineChunks } from './examined-chunks.js';

/** In one message; `check --read-data` names more. */
const namedFiles = 10;

export interface BadCopyNews {
  readonly segment: SegmentId;
  readonly node: MaintenanceNode;
  readonly state: ReplicaState;
  /** Living chunks that it lacks. */
  readonly lacks: ReadonlySet<ChunkId>;
}

/** Before the copy is noted as bad: afterwards it may be healed at any moment. Reads it once more, chunk by chunk. ABORTED. */
export async function chunksLackingOn(
  host: Pick<MaintenanceHost, 'reader'>,
  node: MaintenanceNode,
  examination: Omit<Examination, 'nodes'>,
): Promise<Set<ChunkId>> {
  const bad = new Set<ChunkId>();
  for await (const chunk of examineChunks(host, { ...examination, nodes: [node] })) {
    if (chunk.bad > 0) bad.add(chunk.chunk);
  }
  return bad;
}

/** After the copy was noted as bad. */
export async function tellBadCopy(host: MaintenanceHost, { segment, node, state, lacks }: BadCopyNews): Promise<void> {
  const { count, paths } = await host.filesHolding(lacks, namedFiles);
  const more = count > paths.length ? ` and ${count - paths.length} more` : '';
  const files = count === 0 ? 'no file lies in the damage' : `it concerns ${paths.join(', ')}${more}`;
  const others = host.reader.segment(segment)?.replicas.filter((replica) => replica.state === 'good') ?? [];
  const next = others.length > 0 ? 'it is made again from a good copy' : 'no other copy is known to be good';
  host.report('warning', `bad copy: segment ${segment} on ${node.label} is ${state}: ${files}; ${next}`, 'copy-bad');
}
