/** Histories told in tests: batches and epochs by name, and what nodes and indexes hold of them. */
import type { EpochRow, Tip } from '../../src/meta/rows.js';
import { genesisHash } from '../../src/segment/journal-batch.js';
import type { BatchHead } from '../../src/store/journal/journal-reader.js';
import { decideHistory, type EpochRecord, type History, type NodeHistory } from '../../src/volume/history/history.js';

export interface Batch extends BatchHead {
  readonly row: EpochRecord | undefined;
}

/** Of each batch. */
export const batchBytes = 100;

/** Batches by name; each knows the one that it stands on. */
export class Story {
  readonly batches = new Map<string, Batch>();

  epoch(name: string, on: string | null, members: string, supersedes: readonly string[] = []): string {
    const before = on === null ? undefined : this.batches.get(on)!;
    const sequence = before ? before.sequence + 2 : 1;
    const row: EpochRecord = {
      id: name,
      parent: before?.epoch ?? null,
      sequence,
      lastSequence: before?.sequence ?? 0,
      lastHash: before?.hash ?? genesisHash,
      members: [...members],
      hash: name,
      supersedes,
    };
    return this.#add(name, sequence, before, name, row);
  }

  batch(name: string, on: string, gap = 1): string {
    const before = this.batches.get(on)!;
    return this.#add(name, before.sequence + gap, before, before.epoch, undefined);
  }

  node(id: string, held: readonly string[], more: Partial<NodeHistory> = {}): NodeHistory {
    const heads = held.map((name) => this.batches.get(name)!);
    return { node: id, heads, epochs: heads.flatMap((head) => head.row ?? []), ...more };
  }

  tip(name: string): Tip {
    const { sequence, hash, epoch } = this.batches.get(name)!;
    return { sequence, hash, epoch };
  }

  /** What an index knows that was replayed up to the batch. */
  epochsUpTo(name: string): EpochRow[] {
    const rows: EpochRow[] = [];
    for (const hash of this.path(name)) {
      const { row } = this.batches.get(hash)!;
      if (row) rows.push(row);
    }
    return rows;
  }

  /** From the first batch to this one. */
  path(name: string): string[] {
    const path: string[] = [];
    let at = this.batches.get(name);
    while (at) {
      path.unshift(at.hash);
      at = this.batches.get(at.previousHash);
    }
    return path;
  }

  decide(nodes: readonly NodeHistory[], index?: string, kept: readonly string[] = []): History | undefined {
    return decideHistory({
      tip: index === undefined ? undefined : this.tip(index),
      knownEpochs: index === undefined ? [] : this.epochsUpTo(index),
      keptHeads: kept.map((name) => this.batches.get(name)!),
      nodes,
    });
  }

  #add(name: string, sequence: number, before: Batch | undefined, epoch: string, row: EpochRecord | undefined): string {
    this.batches.set(name, {
      sequence,
      previousSequence: before?.sequence ?? 0,
      hash: name,
      previousHash: before?.hash ?? genesisHash,
      epoch,
      epochOperations: row ? Buffer.alloc(0) : null,
      file: '',
      offset: 0,
      lengthBytes: batchBytes,
      row,
    });
    return name;
  }
}
