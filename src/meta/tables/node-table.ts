/** The volume's settings, its nodes and its epochs. */
import type { NodeId, Operation } from '../operations.js';
import type { EpochRow, NodeRow, VolumeRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';

type VolumeOperation = Extract<Operation, { o: 'volume' }>;
type NodeOperation = Extract<Operation, { o: 'node' }>;
/** Absent fields are null in the table. */
type StoredNode = Omit<NodeRow, 'every' | 'current'> & Record<'every' | 'current', number | null>;
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
  readonly #isAway;
  readonly #putNode;
  readonly #epochs;
  readonly #addEpoch;

  constructor(connection: Connection) {
    this.#volume = connection.prepare<[], VolumeRow>('SELECT id, name, replicas, created FROM volume');
    this.#setVolume = connection.prepare(
      'INSERT OR REPLACE INTO volume_row (only, id, name, replicas, created) VALUES (1, @id, @name, @replicas, @created)',
    );
    this.#nodes = connection.prepare<[], StoredNode>(
      `SELECT id, label, failure_group AS "group", weight, role, path, every, current, used_bytes AS usedBytes
       FROM node ORDER BY id`,
    );
    this.#isAway = connection.prepare<[NodeId], number>(`SELECT +role = 'away' FROM node WHERE id = ?`).pluck();
    this.#putNode = connection.prepare(
      `INSERT INTO node_row (id, label, failure_group, weight, role, path, every, current, used_bytes)
       VALUES (@id, @label, @group, @weight, @role, @path, @every, @current,
         (SELECT coalesce(sum(length), 0) FROM replica JOIN segment ON number = segment WHERE node = @id))
       ON CONFLICT (id) DO UPDATE SET label = @label, failure_group = @group, weight = @weight, role = @role, path = @path,
         every = @every, current = @current`,
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
    return this.#nodes.all().map(({ every, current, ...node }) => ({
      ...node,
      ...(every === null ? {} : { every }),
      ...(current === null ? {} : { current }),
    }));
  }

  isAway(id: NodeId): boolean {
    return this.#isAway.get(id) === 1;
  }

  putNode({ id, label, group, weight, role, path, every, current }: NodeOperation): void {
    this.#putNode.run({ id, label, group, weight, role, path, every: every ?? null, current: current ?? null });
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
