/** What reading a copy showed, noted in the index. */
import { hasCode } from '../../core/errors.js';
import type { NodeId, SegmentId } from '../../core/ids.js';
import type { ReplicaState } from '../../meta/rows.js';
import type { MaintenanceHost } from '../maintenance-host.js';

export interface SeenCopy {
  readonly segment: SegmentId;
  readonly node: NodeId;
  /** What the index said when the reading began, and since when (milliseconds since 1970) it was read. */
  readonly before: ReplicaState | undefined;
  readonly time: number;
  readonly state: ReplicaState;
}

export function stateOf(host: Pick<MaintenanceHost, 'reader'>, segment: SegmentId, node: NodeId) {
  return host.reader.segment(segment)?.replicas.find((replica) => replica.node === node)?.state;
}

/**
 * false, and nothing is noted, when the copy was moved or cleaned away meanwhile, or when it verified and something bad
 * was noted of it since: a client's read may have seen what this one came too early for. While the volume can only be
 * read nothing is noted either; what was seen counts all the same.
 */
export async function noteProof(
  host: Pick<MaintenanceHost, 'reader' | 'withWriter'>,
  { segment, node, before, time, state }: SeenCopy,
): Promise<boolean> {
  try {
    return await host.withWriter(async (writer) => {
      const now = stateOf(host, segment, node);
      if (now === undefined || (state === 'good' && now !== before)) return false;
      const proof = state === 'good' ? { proven: time } : {};
      await writer.setReplicaStates([{ segment, node, state, ...proof }]);
      return true;
    });
  } catch (error) {
    if (!hasCode(error, 'READ_ONLY')) throw error;
    return true;
  }
}
