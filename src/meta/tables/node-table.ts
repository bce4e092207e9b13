/** The volume's settings, its nodes and its epochs. */
import type { Operation } from '../operations.js';
import type { EpochRow, NodeRow, VolumeRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';

type VolumeOperation = Extract<Operation, { o: 'volume' }>;
type NodeOperation = Extract<Operation, { o: 'node' }>;
type EpochOperation = Extract<Operation, { o: 'epoch' }>;

interface StoredEpoch {
  readonly sequence: number;
  readonly id: string;
  readonly parent: string | null;
  readonly lastSequence: number;
  readonly lastHash: string;
  readonly members: string;
  readonly time: number;
  readonly supersedes: string | null;
}

export class NodeTable {
  readonly #volume;
  readonly #setVolume;
  readonly #nodes;
  readonly #putNode;
  readonly #epochs;
  readonly #addEpoch;

  constructor(connection: Connection) {
    this.#volume = connection.prepare<[], VolumeRow>('SELECT id, name, replicas, created FROM volume');
    this.#setVolume = connection.prepare(
      'INSERT OR REPLACE INTO volume_row (only, id, name, replicas, created) VALUES (1, @id, @name, @replicas, @created)',
    );
    this.#nodes = connection.prepare<[], NodeRow>(
      `SELECT id, label, failure_group AS "group", weight, role, path, used_bytes AS usedBytes FROM node ORDER BY id`,
    );
    this.#putNode = connection.prepare(
      `INSERT INTO node_row (id, label, failure_group, weight, role, path, used_bytes)
       VALUES (@id, @label, @group, @weight, @role, @path,
         (SELECT coalesce(sum(length), 0) FROM replica JOIN segment ON number = segment WHERE node = @id))
       ON CONFLICT (id) DO UPDATE SET label = @label, failure_group = @group, weight = @weight, role = @role, path = @path`,
    );
    this.#epochs = connection.prepare<[], StoredEpoch>(
      `SELECT sequence, id, parent, last_sequence AS lastSequence, last_hash AS lastHash, members, time, supersedes
       FROM epoch ORDER BY sequence`,
    );
    this.#addEpoch = connection.prepare(
      `INSERT INTO epoch_row (sequence, id, parent, last_sequence, last_hash, members, time, supersedes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  volume(): VolumeRow | undefined {
    return this.#volume.get();
  }

  setVolume({ id, name, replicas, created }: VolumeOperation): void {
    this.#setVolume.run({ id, name, replicas, created });
  }

  nodes(): NodeRow[] {
    return this.#nodes.all();
  }

  putNode({ id, label, group, weight, role, path }: NodeOperation): void {
    this.#putNode.run({ id, label, group, weight, role, path });
  }

  addEpoch(epoch: EpochOperation, sequence: number): void {
    const members = JSON.stringify(epoch.members);
    const supersedes = epoch.supersedes === undefined ? null : JSON.stringify(epoch.supersedes);
    const { id, parent, lastSequence, lastHash, time } = epoch;
    this.#addEpoch.run(sequence, id, parent, lastSequence, lastHash, members, time, supersedes);
  }

  epochs(): EpochRow[] {
    return this.#epochs.all().map(({ id, parent, sequence, lastSequence, lastHash, members }) => ({
      id,
      parent,
      sequence,
      lastSequence,
      lastHash,
      members: JSON.parse(members) as string[],
    }));
  }

  /** As operations of a checkpoint. */
  epochOperations(): EpochOperation[] {
    return this.#epochs.all().map(({ id, parent, sequence, lastSequence, lastHash, members, time, supersedes }) => ({
      o: 'epoch',
      id,
      parent,
      lastSequence,
      lastHash,
      members: JSON.parse(members) as string[],
      time,
      ...(supersedes === null ? {} : { supersedes: JSON.parse(supersedes) as string[] }),
      born: sequence,
    }));
  }
}
