/**
 * Writes a new epoch: a record of the last batch that counts, and of the nodes whose journals count from here on. It is
 * durable on all its members and in the index (synchronous FULL) before this resolves, so nothing is acknowledged
 * before. A member that fails while it is written is left out of the next attempt, which names the attempts before it.
 */
import type { Clock } from '../../core/clock.js';
import { DriveError } from '../../core/errors.js';
import type { EpochId, NodeId } from '../../core/ids.js';
import { type Random, randomId } from '../../core/random.js';
import type { BatchIdentity, MetaWriter } from '../../meta/meta-store.js';
import type { Operation } from '../../meta/operations.js';
import type { Tip } from '../../meta/rows.js';
import { encodeBatch } from '../../segment/journal-batch.js';
import { chooseMembers, type WriteSet } from './write-set.js';

export interface EpochInput {
  readonly writer: MetaWriter;
  readonly writeSet: WriteSet;
  readonly replicas: number;
  readonly clock: Clock;
  readonly random: Random;
  /** The last batch that counts. */
  readonly last: Tip;
  /** null for the first epoch of a volume. */
  readonly parent: EpochId | null;
  /** Epochs that the history does not stand on and that nobody may take for its newest one again. */
  readonly dead?: readonly EpochId[] | undefined;
  /** First sequence number that may be used; each attempt takes one. */
  readonly sequence: number;
  /** A new volume's first operations, in the same batch. */
  readonly genesis?: readonly Operation[] | undefined;
}

export interface StartedEpoch {
  readonly batch: BatchIdentity;
  readonly members: readonly NodeId[];
}

/** READ_ONLY when no node can take it. */
export async function writeEpoch(input: EpochInput): Promise<StartedEpoch> {
  const { writer, writeSet, last } = input;
  const attempted: EpochId[] = [...(input.dead ?? [])];
  for (let sequence = input.sequence; ; sequence += 1) {
    const current = await writeSet.currentAt(last.sequence);
    const members = chooseMembers(current, input.replicas, writeSet.members);
    if (members.length === 0) {
      throw new DriveError('READ_ONLY', {
        message: 'no disk of this volume can be written to',
        hint: 'plug in a disk of this volume, or make one writable',
      });
    }
    const id = randomId(input.random);
    const operations = await prepareEpoch(input, { sequence, id, members, attempted });
    const { bytes, hash } = encodeBatch({
      sequence,
      previousSequence: last.sequence,
      previousHash: last.hash,
      epoch: id,
      writer: writeSet.writerId,
      isEpoch: true,
      operations,
    });
    const batch = { sequence, hash, epoch: id, bytes };
    const report = await writeSet.append(members, batch);
    if (report.failed.length === 0) {
      await writer.commit({ batch, places: [], data: [], full: true });
      writeSet.setMembers(members);
      writeSet.follow(batch, members);
      return { batch, members };
    }
    await writer.abort();
    for (const member of report.acknowledged) writeSet.rewind(member, last.sequence);
    attempted.push(id);
  }
}

async function prepareEpoch(
  { writer, clock, last, parent, genesis = [] }: EpochInput,
  epoch: { sequence: number; id: EpochId; members: readonly NodeId[]; attempted: readonly EpochId[] },
): Promise<Buffer> {
  const time = clock.now();
  const operation: Operation = {
    o: 'epoch',
    id: epoch.id,
    parent,
    lastSequence: last.sequence,
    lastHash: last.hash,
    members: epoch.members,
    time,
    ...(epoch.attempted.length > 0 ? { supersedes: [...epoch.attempted] } : {}),
  };
  const prepared = await writer.prepare({
    sequence: epoch.sequence,
    data: [],
    requests: [{ kind: 'operations', principal: '', now: time, operations: [operation, ...genesis] }],
  });
  const failure = prepared.outcomes.find((outcome) => !outcome.ok);
  if (failure && !failure.ok) throw DriveError.fromData(failure.error);
  return prepared.operations;
}
