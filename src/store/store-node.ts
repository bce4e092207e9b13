/** A node as the store needs it: told by the caller, read anew at each decision. node/node.ts fits it structurally. */
import type { SpaceInfo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import type { NodeState } from '../node/node-state.js';
import { isWritable } from '../node/node-state.js';
import type { NodeStore } from '../node/node-store.js';

export interface StoreNode {
  readonly id: NodeId;
  /** Failure group: what can be lost at once. */
  readonly group: string;
  /** Share of the data, relative to the other nodes; above 0. */
  readonly weight: number;
  readonly state: NodeState;
  readonly role: 'active' | 'draining' | 'away' | 'retired';
  /** It may be unplugged at any moment: it takes nothing new. Default: false. */
  readonly isLeaving?: boolean;
  readonly store: NodeStore;
  /** As of the last probe; undefined before the first. */
  readonly space: SpaceInfo | undefined;
  /** Usual latency of a read, smoothed; 0 while unknown. */
  readonly latencyMs: number;
}

/** What the layers above need of a node, in the store's words: they know nodes only through the store. */
export type { NodeState } from '../node/node-state.js';
export { isReadable, isWritable } from '../node/node-state.js';
export type { NodeStore, StoredFile } from '../node/node-store.js';

/** Whether a replica there is one of those that the volume wants: not on a node that mostly lies elsewhere on purpose. */
export const countsAsCopy = ({ role }: Pick<StoreNode, 'role'>): boolean => role !== 'away' && role !== 'retired';

/** Whether new data may go there: the node takes writes, and is neither being emptied nor about to be unplugged. */
export const takesNewData = (node: StoreNode): boolean =>
  isWritable(node.state) && node.role === 'active' && !node.isLeaving && node.store.canAppend;
