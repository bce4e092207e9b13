/**
 * Segments and their replicas. Every method that changes a length, the living bytes or the nodes keeps the totals and
 * the nodes' used bytes in step. Inside, a segment is a small number; outside, its id.
 */

import { damagedIndex } from '../meta-store.js';
import type { NodeId, SegmentId } from '../operations.js';
import type { NodeProofs, OldProof, ReplicaRow, ReplicaState, SegmentRow } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';
import type { CounterTable } from './counter-table.js';

export interface StoredSegment {
  readonly number: number;
  readonly id: SegmentId;
  readonly sealed: 0 | 1;
  readonly length: number;
  readonly hash: string | null;
  readonly liveBytes: number;
  /** How many replicas it has, good or bad. */
  readonly copies: number;
  /** Those that count and are believed whole. */
  readonly good: number;
  /** Its own number of copies; null: the volume's. */
  readonly wanted: number | null;
  readonly copiesWanted: number;
}

/** In the order of their numbers in the table. */
const replicaStates: readonly ReplicaState[] = ['good', 'missing', 'damaged', 'short'];
const columns = `segment.number AS number, id, sealed, length, hash, live_bytes AS liveBytes,
  segment.good + segment.bad + spare AS copies, segment.good AS good, wanted,
  coalesce(wanted, (SELECT replicas FROM volume), 1) AS copiesWanted`;

const replicasOfPage = `SELECT segment, node, state FROM replica WHERE segment IN
  (SELECT number FROM segment_row WHERE id > ? ORDER BY id LIMIT ?) ORDER BY segment, node`;

export class SegmentTable {
  readonly #counters: CounterTable;
  readonly #byId;
  readonly #byNumber;
  readonly #insert;
  readonly #remove;
  readonly #setLength;
  readonly #addLive;
  readonly #seal;
  readonly #page;
  readonly #pageReplicas;
  readonly #replicas;
  readonly #addReplica;
  readonly #removeReplica;
  readonly #setState;
  readonly #oldestProofs;
  readonly #proofs;
  readonly #proofsOf;
  readonly #addUsed;
  readonly #countReplicas;
  readonly #setWanted;
  readonly #anyWanted;
  readonly #segmentsOn;
  readonly #degraded;
  /** Changes of living bytes that are not written yet: many chunks of a batch lie in one segment. */
  readonly #lives = new Map<number, number>();

  constructor(connection: Connection, counters: CounterTable) {
    this.#counters = counters;
    this.#byId = connection.prepare<[string], StoredSegment>(`SELECT ${columns} FROM segment WHERE id = ?`);
    this.#byNumber = connection.prepare<[number], StoredSegment>(`SELECT ${columns} FROM segment WHERE number = ?`);
    this.#insert = connection.prepare(
      'INSERT INTO segment_row (id, sealed, length, live_bytes, good, bad, spare) VALUES (?, 0, 0, 0, 0, 0, 0)',
    );
    this.#remove = connection.prepare('DELETE FROM segment_row WHERE number = ?');
    this.#setLength = connection.prepare('UPDATE segment_row SET length = ? WHERE number = ?');
    this.#addLive = connection.prepare('UPDATE segment_row SET live_bytes = live_bytes + ? WHERE number = ?');
    this.#seal = connection.prepare('UPDATE segment_row SET sealed = 1, hash = coalesce(?, hash) WHERE number = ?');
    this.#page = connection.prepare<[string, number], StoredSegment>(
      `SELECT ${columns} FROM segment WHERE id > ? ORDER BY id LIMIT ?`,
    );
    this.#pageReplicas = connection.prepare<[string, number], [number, string, number]>(replicasOfPage).raw();
    this.#replicas = connection
      .prepare<[number], [string, number]>('SELECT node, state FROM replica WHERE segment = ? ORDER BY node')
      .raw();
    this.#addReplica = connection.prepare('INSERT INTO replica_row (segment, node, state, proven) VALUES (?, ?, 0, 0)');
    this.#removeReplica = connection.prepare('DELETE FROM replica_row WHERE segment = ? AND node = ?');
    // A copy that is not good has no proof; one that is good keeps it until a newer one comes.
    this.#setState = connection.prepare(
      `UPDATE replica_row SET state = @state, proven = CASE WHEN @state = 0 THEN coalesce(@proven, proven) ELSE 0 END
       WHERE segment = @number AND node = @node`,
    );
    this.#oldestProofs = connection.prepare<[{ nodes: string; before: number; limit: number }], OldProof>(
      `SELECT segment.id AS segment, replica.node AS node, proven FROM replica JOIN segment ON number = replica.segment
       WHERE proven < @before AND state = 0 AND sealed = 1 AND replica.node IN (SELECT value FROM json_each(@nodes))
       ORDER BY proven, replica.segment LIMIT @limit`,
    );
    this.#proofs = connection.prepare<[], NodeProofs>(
      `SELECT replica.node AS node, count(*) AS copies, sum(proven > 0) AS proven, min(nullif(proven, 0)) AS oldest
       FROM replica JOIN segment ON number = replica.segment WHERE sealed = 1 GROUP BY replica.node`,
    );
    this.#proofsOf = connection
      .prepare<[string], [string, number, number]>(
        `SELECT node, state, proven FROM replica JOIN segment ON number = replica.segment WHERE id = ? ORDER BY node`,
      )
      .raw();
    this.#addUsed = connection.prepare('UPDATE node_row SET used_bytes = used_bytes + ? WHERE id = ?');
    const away = `(SELECT id FROM node WHERE +role = 'away')`;
    this.#countReplicas = connection.prepare(
      `UPDATE segment_row SET
         good = (SELECT count(*) FROM replica WHERE segment = number AND state = 0 AND node NOT IN ${away}),
         bad = (SELECT count(*) FROM replica WHERE segment = number AND state <> 0 AND node NOT IN ${away}),
         spare = (SELECT count(*) FROM replica WHERE segment = number AND node IN ${away}) WHERE number = ?`,
    );
    this.#setWanted = connection.prepare('UPDATE segment_row SET wanted = ? WHERE number = ?');
    this.#anyWanted = connection.prepare<[], number>('SELECT 1 FROM segment WHERE wanted IS NOT NULL LIMIT 1').pluck();
    this.#segmentsOn = connection
      .prepare<[NodeId], number>('SELECT segment FROM replica WHERE node = ? ORDER BY segment')
      .pluck();
    // Counts kept in the rows find the candidates; only those are looked at closely.
    this.#degraded = connection.prepare<[{ absent: string; wanted: number; limit: number }], StoredSegment>(
      `WITH away AS MATERIALIZED (SELECT id AS node FROM node WHERE +role = 'away'),
         absent AS MATERIALIZED (SELECT value AS node FROM json_each(@absent) WHERE value NOT IN away
           UNION SELECT id FROM node WHERE +role = 'retired'),
         candidate AS (SELECT number FROM segment WHERE segment.good < @wanted UNION SELECT number FROM segment WHERE segment.bad > 0
           UNION SELECT number FROM segment WHERE wanted IS NOT NULL AND segment.good < wanted
           UNION SELECT segment FROM replica WHERE node IN absent),
         present AS (SELECT segment, state = 0 AS is_good FROM replica
           WHERE segment IN candidate AND node NOT IN absent AND node NOT IN away),
         counted AS (SELECT candidate.number, coalesce(sum(is_good), 0) AS good, coalesce(sum(NOT is_good), 0) AS bad
           FROM candidate LEFT JOIN present ON segment = candidate.number GROUP BY candidate.number)
       SELECT ${columns} FROM counted JOIN segment USING (number)
       WHERE counted.good < coalesce(wanted, @wanted) OR counted.bad > 0 ORDER BY counted.good, id LIMIT @limit`,
    );
  }

  get(id: SegmentId): StoredSegment | undefined {
    this.settle();
    return this.#byId.get(id);
  }

  byNumber(number: number): StoredSegment | undefined {
    this.settle();
    return this.#byNumber.get(number);
  }

  row(id: SegmentId): SegmentRow | undefined {
    const segment = this.get(id);
    return segment && this.toRow(segment);
  }

  /** By id, after `after`. */
  page(after: string, limit: number): SegmentRow[] {
    this.settle();
    const replicas = new Map<number, ReplicaRow[]>();
    for (const [number, node, state] of this.#pageReplicas.all(after, limit)) {
      const known = replicas.get(number);
      const replica = { node, state: replicaStates[state]! };
      if (known) known.push(replica);
      else replicas.set(number, [replica]);
    }
    return this.#page.all(after, limit).map((segment) => this.toRow(segment, replicas.get(segment.number) ?? []));
  }

  degraded(input: {
    readonly wanted: number;
    readonly absent: readonly NodeId[];
    readonly limit: number;
  }): SegmentRow[] {
    this.settle();
    const segments = this.#degraded.all({ ...input, absent: JSON.stringify(input.absent) });
    return segments.map((segment) => this.toRow(segment));
  }

  replicas(number: number): ReplicaRow[] {
    return this.#replicas.all(number).map(([node, state]) => ({ node, state: replicaStates[state]! }));
  }

  /** All of them, for readers. */
  replicasOf({ id, number, copies }: StoredSegment, replicas = this.replicas(number)): ReplicaRow[] {
    if (replicas.length !== copies) throw damagedIndex(`replicas of segment ${id} are lost`);
    return replicas;
  }

  toRow(segment: StoredSegment, replicas?: ReplicaRow[]): SegmentRow {
    return {
      id: segment.id,
      state: segment.sealed === 1 ? 'sealed' : 'open',
      lengthBytes: segment.length,
      hash: segment.hash,
      liveBytes: segment.liveBytes,
      wanted: segment.copiesWanted,
      ownWanted: segment.wanted,
      replicas: this.replicasOf(segment, replicas),
    };
  }

  /** The segment, made (open and empty) when it is new. */
  ensure(id: SegmentId): StoredSegment {
    const known = this.get(id);
    if (known !== undefined) return known;
    this.#insert.run(id);
    this.#counters.totals.segments += 1;
    return this.get(id)!;
  }

  setLength(segment: StoredSegment, length: number): void {
    const added = length - segment.length;
    if (added === 0) return;
    this.#setLength.run(length, segment.number);
    this.#counters.totals.storedBytes += added;
    for (const { node } of this.replicas(segment.number)) this.#addUsed.run(added, node);
  }

  addLive(number: number, bytes: number): void {
    this.#lives.set(number, (this.#lives.get(number) ?? 0) + bytes);
    this.#counters.totals.liveBytes += bytes;
  }

  /** Writes the living bytes that are held back: before anything else reads the table. */
  settle(): void {
    if (this.#lives.size === 0) return;
    for (const [number, bytes] of this.#lives) if (bytes !== 0) this.#addLive.run(bytes, number);
    this.#lives.clear();
  }

  /** After a rollback. */
  forgetHeld(): void {
    this.#lives.clear();
  }

  /** Copies that it is to have; null: as many as the volume. */
  setWanted(segment: StoredSegment, replicas: number | null): void {
    this.#setWanted.run(replicas, segment.number);
  }

  hasOwnWanted(): boolean {
    return this.#anyWanted.get() !== undefined;
  }

  /** A hash known before is kept when `hash` is null. */
  seal(segment: StoredSegment, length: number, hash: string | null): void {
    this.setLength(segment, length);
    this.#seal.run(hash, segment.number);
  }

  /** These nodes hold new chunks of it; a replica elsewhere lacks them, but is not forgotten: it holds the older ones. */
  addData(segment: StoredSegment, nodes: readonly NodeId[]): void {
    const before = this.replicas(segment.number).map((replica) => replica.node);
    for (const node of before) if (!nodes.includes(node)) this.setReplicaState(segment.number, node, 'short');
    this.setNodes(segment, [...before, ...nodes]);
  }

  /** Exactly these nodes hold it; those that did already keep their state, new ones are good. */
  setNodes(segment: StoredSegment, nodes: readonly NodeId[]): void {
    const before = this.replicas(segment.number).map((replica) => replica.node);
    const gone = before.filter((node) => !nodes.includes(node));
    const added = [...new Set(nodes)].filter((node) => !before.includes(node));
    for (const node of gone) {
      this.#removeReplica.run(segment.number, node);
      this.#addUsed.run(-segment.length, node);
    }
    for (const node of added) {
      this.#addReplica.run(segment.number, node);
      this.#addUsed.run(segment.length, node);
    }
    // Each batch names the nodes of the segment that it goes on with.
    if (gone.length + added.length > 0) this.#countReplicas.run(segment.number);
  }

  /** The node's replicas count from here on, or no longer. */
  recountOn(node: NodeId): void {
    for (const number of this.#segmentsOn.all(node)) this.#countReplicas.run(number);
  }

  /** Nothing happens when the index places no replica there. */
  setReplicaState(number: number, node: NodeId, state: ReplicaState, proven: number | null = null): void {
    this.#setState.run({ state: replicaStates.indexOf(state), number, node, proven });
    this.#countReplicas.run(number);
  }

  /** Copies believed good on these nodes whose proof is older than `before`, the oldest first. */
  oldestProofs(input: {
    readonly nodes: readonly NodeId[];
    readonly before: number;
    readonly limit: number;
  }): OldProof[] {
    return this.#oldestProofs.all({ ...input, nodes: JSON.stringify(input.nodes) });
  }

  proofsOf(segment: SegmentId): (OldProof & ReplicaRow)[] {
    const rows = this.#proofsOf.all(segment);
    return rows.map(([node, state, proven]) => ({ segment, node, state: replicaStates[state]!, proven }));
  }

  proofs(): NodeProofs[] {
    return this.#proofs.all();
  }

  remove(segment: StoredSegment): void {
    this.setNodes(segment, []);
    this.#remove.run(segment.number);
    this.#counters.totals.segments -= 1;
    this.#counters.totals.storedBytes -= segment.length;
    this.#counters.totals.liveBytes -= segment.liveBytes;
  }
}
