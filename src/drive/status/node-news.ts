/** What a node's change of state is to people: how loud, and in which words. Pure. */

import type { DriveEvent } from '../../drive-contract.js';
import type { EventKind } from '../../maintenance/event-kind.js';
import type { Absence } from '../../maintenance/healing/grace.js';
import type { NodeChange } from '../../node/node.js';
import { isReadable, type NodeState } from '../../node/node-state.js';

export interface News {
  readonly level: DriveEvent['level'];
  readonly message: string;
  readonly kind?: EventKind;
}

const kinds: Readonly<Partial<Record<NodeState, EventKind>>> = {
  offline: 'node-gone',
  foreign: 'node-refused',
  full: 'node-full',
  'read-only': 'node-full',
};

export function newsOf(
  { node: { label, role }, from, to, reason }: Pick<NodeChange, 'node' | 'from' | 'to' | 'reason'>,
  { absence, hadLeft }: { readonly absence: Absence; readonly hadLeft: boolean },
): News {
  const why = reason ? `: ${reason}` : '';
  if (to === 'online') {
    const isBack = from === 'returning' && hadLeft;
    return { level: 'info', message: `${label} is online${why}`, ...(isBack ? { kind: 'node-back' } : {}) };
  }
  if (to === 'returning') return { level: 'info', message: `${label} is here and is made current` };
  if (to === 'offline' && role === 'away') {
    return { level: 'info', message: `${label} was unplugged: its copy is kept elsewhere until its next visit` };
  }
  if (to === 'offline' && absence === 'excused' && isReadable(from)) {
    return { level: 'info', message: `${label} was unplugged on purpose; nothing is copied because of it meanwhile` };
  }
  if (to === 'suspect' && (role === 'away' || absence === 'excused')) {
    return { level: 'info', message: `${label} does not answer: it is looked for` };
  }
  if (to === 'retired') return { level: 'info', message: `${label} belongs to the volume no longer` };
  const kind = kinds[to];
  return { level: 'warning', message: `${label} is ${to}${why}`, ...(kind === undefined ? {} : { kind }) };
}
