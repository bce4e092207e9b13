/**
 * Reads of what lies only on nodes that are not here: which of these a read waits for, and what its reader is told. A
 * chunk whose place the index does not know (it was made anew while disks were away) may lie on any of them.
 */
import { DriveError, hasCode } from '../../core/errors.js';
import type { ChunkId, NodeId } from '../../core/ids.js';
import { isReadable } from '../../node/node-state.js';
import type { StoreNode } from '../store-node.js';
import type { FailedCopy } from './bad-copy.js';

export interface AwaitedNode extends Pick<StoreNode, 'id' | 'state' | 'role'> {
  readonly label: string;
  /** Milliseconds since 1970 at which its state began. */
  readonly since: number;
}

/** DAMAGED, or UNAVAILABLE while it may lie on a node that is away, or that came after `time` and is being searched. */
export function placeNotKnown(chunk: ChunkId, nodes: readonly AwaitedNode[], time: number): DriveError {
  const awaited = nodes.filter(({ state, role, since }) => role !== 'retired' && (!isReadable(state) || since > time));
  if (awaited.length === 0) return new DriveError('DAMAGED', { details: { chunk } });
  const copies = awaited.map(({ id }): FailedCopy => ({ node: id, problem: 'unreachable', message: 'not searched' }));
  return new DriveError('UNAVAILABLE', { details: { chunk, copies } });
}

/** Whether all nodes that may have a good copy were away at `time` already, and are still. */
export function isGoneSince(error: DriveError, nodes: readonly AwaitedNode[], time: number): boolean {
  const awaited = awaitedBy(error);
  const known = nodes.filter(({ id }) => awaited.includes(id));
  return known.length > 0 && known.every(({ state, since }) => !isReadable(state) && since <= time);
}

const lost = 'no good copy of a part of this file is left: "holdfast salvage" says which part, and what to do';

/** The same error in words for the reader of a file: which disks to plug in, and what to do where none would help. */
export function withNextStep(error: DriveError, nodes: readonly AwaitedNode[]): DriveError {
  if (hasCode(error, 'DAMAGED')) return new DriveError('DAMAGED', { message: lost, details: error.details });
  const awaited = awaitedBy(error);
  const known = nodes.filter(({ id }) => awaited.includes(id));
  if (!hasCode(error, 'UNAVAILABLE') || known.length === 0) return error;
  const { details } = error;
  return new DriveError('UNAVAILABLE', { message: whereItLies(known, { isCertain: !('chunk' in details) }), details });
}

function whereItLies(nodes: readonly AwaitedNode[], { isCertain }: { readonly isCertain: boolean }): string {
  const names = nodes.map(({ label }) => `"${label}"`).sort();
  const lies = `a part of this file ${isCertain ? 'lies only' : 'may lie'} on ${names.join(' or ')}`;
  if (!nodes.every(({ state }) => state === 'offline')) return `${lies}: "holdfast status" says when it can be read`;
  if (nodes.length === 1) return `${lies}, which is not here: plug it in`;
  return `${lies}, which are not here: plug in ${isCertain ? 'one of them' : 'each of them'}`;
}

function awaitedBy({ details }: DriveError): readonly NodeId[] {
  const copies = Array.isArray(details.copies) ? (details.copies as readonly FailedCopy[]) : [];
  return copies.filter(({ problem }) => problem === 'unreachable').map(({ node }) => node);
}
