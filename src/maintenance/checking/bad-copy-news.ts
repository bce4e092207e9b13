/** Tells people of a copy that was found to be bad: where it lies, which files are concerned, and what comes next. */
import type { ChunkId } from '../../core/ids.js';
import type { ReplicaState } from '../../meta/rows.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { type Examination, examineChunks } from './examined-chunks.js';

/** In one message; `check --read-data` names more. */
const namedFiles = 10;

export interface BadCopyNews extends Omit<Examination, 'nodes'> {
  readonly node: MaintenanceNode;
  readonly state: ReplicaState;
}

/** After the copy was noted as bad. Reads it once more, chunk by chunk. ABORTED. */
export async function tellBadCopy(host: MaintenanceHost, { node, state, ...rest }: BadCopyNews): Promise<void> {
  const { segment } = rest;
  const bad = new Set<ChunkId>();
  for await (const chunk of examineChunks(host, { ...rest, nodes: [node] })) if (chunk.bad > 0) bad.add(chunk.chunk);
  const { count, paths } = await host.filesHolding(bad, namedFiles);
  const more = count > paths.length ? ` and ${count - paths.length} more` : '';
  const files = count === 0 ? 'no file lies in the damage' : `it concerns ${paths.join(', ')}${more}`;
  const others = host.reader.segment(segment)?.replicas.filter((replica) => replica.state === 'good') ?? [];
  const next = others.length > 0 ? 'it is made again from a good copy' : 'no other copy is known to be good';
  host.report('warning', `bad copy: segment ${segment} on ${node.label} is ${state}: ${files}; ${next}`, 'copy-bad');
}
