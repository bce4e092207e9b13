/** States of a node. The table of transitions stands in docs/architecture.md; node/node-monitor.ts runs it. */

export const nodeStates = [
  /** Reads and writes. */
  'online',
  /** Reads; takes no new data until space comes back. */
  'full',
  /** Reads; its file system takes no writes. */
  'read-only',
  /** An operation failed or missed its deadline; a probe decides. Not written to, read last. */
  'suspect',
  /** Not reachable. */
  'offline',
  /** Seen again, being made current. Reads are verified anyway; not written to by the data path. */
  'returning',
  /** Another volume's or a cloned passport lies at its path. Never touched. */
  'foreign',
  /** Given up for good; its id is never used again. */
  'retired',
] as const;

export type NodeState = (typeof nodeStates)[number];

export const isReadable = (state: NodeState): boolean =>
  state === 'online' || state === 'full' || state === 'read-only' || state === 'suspect' || state === 'returning';

export const isWritable = (state: NodeState): boolean => state === 'online';
