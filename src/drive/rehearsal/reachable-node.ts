/** A node to read from, beside the drive that watches over it: its state is nobody's business here, and nothing is written. */
import { DirectoryNodeStore } from '../../node/directory-node-store.js';
import type { EngineNode } from '../../volume/engine-node.js';
import type { DriveContext } from '../drive-context.js';
import type { NodeToOpen } from '../drive-nodes.js';

/** Touches no disk: the node may be away. The caller closes its store. */
export async function reachable(
  { id, ...description }: NodeToOpen,
  volume: string,
  { fileIo, clock, safety }: DriveContext,
): Promise<EngineNode> {
  const store = await DirectoryNodeStore.open({ path: description.path, id, volume, fileIo, clock, safety });
  return {
    ...description,
    id,
    store,
    state: 'read-only',
    space: undefined,
    latencyMs: 0,
    since: 0,
    reason: null,
    device: undefined,
    welcome: () => undefined,
    refuse: () => undefined,
  };
}
