/** The tip of the history, and the batches kept for nodes whose journal is behind. */
import type { BatchIdentity } from '../meta-store.js';
import type { NodeId } from '../operations.js';
import type { Tip } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';
import { RowInsert } from '../sqlite/row-insert.js';

export class JournalTable {
  readonly #tip;
  readonly #setTip;
  readonly #touch;
  readonly #add;
  readonly #after;
  readonly #journaled;
  readonly #setJournaled;
  readonly #drop;
  readonly #trim;

  constructor(connection: Connection) {
    this.#trim = connection.prepare(
      `DELETE FROM journal_row WHERE sequence IN (SELECT sequence FROM
         (SELECT sequence, sum(length(bytes)) OVER (ORDER BY sequence DESC) AS kept FROM journal_row) WHERE kept > ?)`,
    );
    this.#tip = connection.prepare<[], Tip>('SELECT sequence, hash, epoch FROM tip');
    this.#setTip = connection.prepare(
      'INSERT OR REPLACE INTO tip_row (only, sequence, hash, epoch) VALUES (1, ?, ?, ?)',
    );
    this.#touch = connection.prepare('UPDATE counters_row SET only = 1');
    this.#add = new RowInsert(connection, 'journal');
    this.#after = connection.prepare<[number], BatchIdentity>(
      'SELECT sequence, epoch, hash, bytes FROM journal WHERE sequence > ? ORDER BY sequence',
    );
    this.#journaled = connection.prepare<[], { node: NodeId; sequence: number }>(
      'SELECT node, sequence FROM journaled ORDER BY node',
    );
    this.#setJournaled = connection.prepare('INSERT OR REPLACE INTO journaled_row (node, sequence) VALUES (?, ?)');
    // A node that was never heard of has nothing: it holds back everything.
    this.#drop = connection.prepare(
      `DELETE FROM journal_row WHERE sequence <= (SELECT min(coalesce(sequence, 0))
         FROM node LEFT JOIN journaled ON journaled.node = node.id WHERE role <> 'retired')`,
    );
  }

  trim(retainBytes: number): void {
    this.#trim.run(retainBytes);
  }

  tip(): Tip | undefined {
    return this.#tip.get();
  }

  setTip(tip: Tip): void {
    this.#setTip.run(tip.sequence, tip.hash, tip.epoch);
  }

  /** A write that changes nothing, so that a commit with synchronous = FULL makes everything before it durable. */
  touch(): void {
    this.#touch.run();
  }

  add(batch: BatchIdentity): void {
    this.#add.run(batch.sequence, batch.epoch, batch.hash, batch.bytes);
    this.setTip(batch);
  }

  /** From `after` (exclusive), in order, at least one, until `limitBytes` are passed. */
  after(after: number, limitBytes: number): BatchIdentity[] {
    const batches: BatchIdentity[] = [];
    let bytes = 0;
    for (const batch of this.#after.iterate(after)) {
      batches.push(batch);
      bytes += batch.bytes.length;
      if (bytes >= limitBytes) break;
    }
    return batches;
  }

  all(): IterableIterator<BatchIdentity> {
    return this.#after.iterate(0);
  }

  journaled(): { node: NodeId; sequence: number }[] {
    return this.#journaled.all();
  }

  /** Drops the batches that every unretired node has. */
  setJournaled(node: NodeId, sequence: number): void {
    this.#setJournaled.run(node, sequence);
    this.#drop.run();
  }
}
