/** States of a node. The table of transitions is explained in docs/architecture.md; node/node-keeper.ts runs it. */

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

/** What is learnt about a node. */
export type NodeSignal =
  /** An operation failed with an I/O error or missed its deadline. */
  | 'failed'
  /** A probe of an idle node has not come to an end yet, and those of others have. */
  | 'silent'
  /** An operation or a probe found no space. */
  | 'no-space'
  /** An operation or a probe found that nothing can be written. */
  | 'no-writes'
  /** A full probe succeeded, with space. */
  | 'well'
  /** The passport of an absent node was read. */
  | 'seen'
  /** A probe or a look failed. */
  | 'gone'
  /** Another passport lies at its path. */
  | 'stranger'
  /** The engine has made the node current. */
  | 'welcomed'
  /** The engine found another history on it. */
  | 'refused'
  | 'retired';

/** 'home' is where a node goes that is well: online once it was welcomed since it was last away, else returning. */
const transitions: Readonly<Record<NodeState, Readonly<Partial<Record<NodeSignal, NodeState | 'home'>>>>> = {
  online: leaving({ failed: 'suspect', silent: 'suspect', 'no-space': 'full', 'no-writes': 'read-only' }),
  full: leaving({ failed: 'suspect', 'no-writes': 'read-only', well: 'home' }),
  'read-only': leaving({ failed: 'suspect', 'no-space': 'full', well: 'home' }),
  suspect: leaving({ 'no-space': 'full', 'no-writes': 'read-only', well: 'home' }),
  returning: leaving({ failed: 'suspect', 'no-space': 'full', 'no-writes': 'read-only', welcomed: 'online' }),
  offline: { seen: 'returning', stranger: 'foreign', refused: 'foreign', retired: 'retired' },
  foreign: { seen: 'returning', gone: 'offline', retired: 'retired' },
  retired: {},
};

/** The state that `signal` leads to; `state` itself when it changes nothing. */
export function nextState(state: NodeState, signal: NodeSignal, isWelcome: boolean): NodeState {
  const next = transitions[state][signal] ?? state;
  if (next !== 'home') return next;
  return isWelcome ? 'online' : 'returning';
}

function leaving<T extends object>(others: T) {
  return { ...others, gone: 'offline', stranger: 'foreign', refused: 'foreign', retired: 'retired' } as const;
}
