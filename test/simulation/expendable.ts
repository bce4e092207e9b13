/**
 * The rule of every damage that is planned: anything may break except the last good copy of what was acknowledged. A
 * disk is expendable when the other disks hold, durably, all segments, batches and checkpoints that it holds, and one of
 * them is a member of its newest epoch and has the last batch.
 */
import { hash } from 'node:crypto';
import { hasCode } from '../../src/core/errors.js';
import { decodeOperations } from '../../src/meta/operation-codec.js';
import type { Operation } from '../../src/meta/operations.js';
import { BatchReader } from '../../src/segment/batch-reader.js';
import { parseCheckpointName } from '../../src/segment/checkpoint-name.js';
import type { SimDisk } from './sim-disk.js';

export interface DiskOfNode {
  readonly id: string;
  readonly disk: SimDisk;
}

interface Held {
  readonly segments: Map<string, Buffer[]>;
  /** `sequence hash` of each. */
  readonly batches: Set<string>;
  /** Up to which batches are held by a checkpoint. */
  checkpoint: number;
  newestEpoch: { sequence: number; members: readonly string[] };
}

export function isExpendable(victim: DiskOfNode, others: readonly DiskOfNode[]): boolean {
  const own = heldBy([victim.disk.files()]);
  const theirs = heldBy(others.map(({ disk }) => disk.durableFiles()));
  for (const [name, [bytes]] of own.segments) {
    if (!theirs.segments.get(name)?.some((copy) => startsWith(copy, bytes!))) return false;
  }
  for (const batch of own.batches) {
    if (!theirs.batches.has(batch) && Number.parseInt(batch, 10) > theirs.checkpoint) return false;
  }
  if (own.checkpoint > theirs.checkpoint && theirs.batches.size === 0) return false;
  if (own.newestEpoch.sequence < theirs.newestEpoch.sequence) return true;
  if (own.newestEpoch.sequence > theirs.newestEpoch.sequence) return false;
  // A member that lost what it told as synced is none: what lies beyond its end would not count.
  const last = lastOf(own.batches);
  return others.some(
    ({ id, disk }) =>
      theirs.newestEpoch.members.includes(id) &&
      (last === undefined || heldBy([disk.durableFiles()]).batches.has(last)),
  );
}

const lastOf = (batches: ReadonlySet<string>): string | undefined =>
  [...batches].sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0];

const startsWith = (bytes: Buffer, start: Buffer): boolean =>
  bytes.length >= start.length && bytes.compare(start, 0, start.length, 0, start.length) === 0;

function heldBy(disks: readonly (readonly { readonly path: string; readonly bytes: Buffer }[])[]): Held {
  const held: Held = {
    segments: new Map(),
    batches: new Set(),
    checkpoint: 0,
    newestEpoch: { sequence: 0, members: [] },
  };
  for (const { path, bytes } of disks.flat()) {
    const [folder, name = ''] = path.split('/').slice(-2);
    if (folder === 'segments') held.segments.set(name, [...(held.segments.get(name) ?? []), bytes]);
    else if (folder === 'journal') noteBatches(held, bytes);
    else if (folder === 'checkpoints') {
      held.checkpoint = Math.max(held.checkpoint, parseCheckpointName(name)?.sequence ?? 0);
    }
  }
  return held;
}

function noteBatches(held: Held, bytes: Buffer): void {
  for (const { sequence, name, members } of batchesOf(bytes)) {
    held.batches.add(name);
    if (members && sequence > held.newestEpoch.sequence) held.newestEpoch = { sequence, members };
  }
}

interface HeldBatch {
  readonly sequence: number;
  readonly name: string;
  /** Of the epoch that it begins. */
  readonly members: readonly string[] | undefined;
}

/** Of the journal files that were looked at last: most are on several disks, and in state after state. */
const known = new Map<string, readonly HeldBatch[]>();
const mostKnown = 500;

function batchesOf(bytes: Buffer): readonly HeldBatch[] {
  const key = hash('sha1', bytes);
  const batches = known.get(key) ?? readBatches(bytes);
  if (known.size >= mostKnown) known.clear();
  known.set(key, batches);
  return batches;
}

function readBatches(bytes: Buffer): HeldBatch[] {
  try {
    return new BatchReader().push(Buffer.from(bytes)).map(({ sequence, hash, operations }) => {
      const epoch = operations.includes('"epoch"') && [...decodeOperations(operations)].findLast(isEpoch);
      return { sequence, name: `${sequence} ${hash}`, members: epoch ? epoch.members : undefined };
    });
  } catch (error) {
    if (hasCode(error, 'NEWER_FORMAT')) return []; // What a flipped bit in a header looks like.
    throw error;
  }
}

const isEpoch = (operation: Operation): operation is Extract<Operation, { o: 'epoch' }> => operation.o === 'epoch';
