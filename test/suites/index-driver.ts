/**
 * Drives a MetaStore as the committer does: real batches on a hash chain, places for new chunks in one open segment,
 * everything that was journaled kept for replay.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { DriveError, type ErrorCode, hasCode } from '../../src/core/errors.js';
import { contentChecksum } from '../../src/meta/content-checksum.js';
import type { BatchIdentity, MetaStore, Prepared } from '../../src/meta/meta-store.js';
import type { ChunkReference, Operation } from '../../src/meta/operations.js';
import type { ChangeRequest, ChangeResult, EntryPath, IfList, StagedContent } from '../../src/meta/requests.js';
import type { EntryRow, Tip } from '../../src/meta/rows.js';
import type { ChunkPlace } from '../../src/segment/chunk-place.js';
import { encodeBatch, genesisHash } from '../../src/segment/journal-batch.js';

export const firstNode = '00000000000000a1';
export const secondNode = '00000000000000a2';
export const thirdNode = '00000000000000a3';
export const epoch = '00000000000000e1';
export const writerId = '00000000000000f1';
const recordOverhead = 100;

export type JournaledBatch = BatchIdentity & { readonly operations: Buffer };
type Unsigned<T> = T extends ChangeRequest
  ? Omit<T, 'principal' | 'now'> & Partial<Pick<T, 'principal' | 'now'>>
  : never;
/** A request without who and when; those are added. */
export type Ask = Unsigned<ChangeRequest>;

export const withCode = (code: ErrorCode) => (error: unknown) => hasCode(error, code);
export const path = (text: string): string[] => text.split('/').filter((name) => name !== '');

/** Chunk list of a text: at most `chunkBytes` characters a chunk, named by their hash. */
export function chunksOf(text: string, chunkBytes = 1024): ChunkReference[] {
  const chunks: ChunkReference[] = [];
  for (let at = 0; at < text.length; at += chunkBytes) {
    const part = text.slice(at, at + chunkBytes);
    chunks.push([createHash('sha256').update(part).digest('hex'), part.length]);
  }
  return chunks;
}

export function staged(text: string, chunkBytes?: number): StagedContent {
  const chunks = chunksOf(text, chunkBytes);
  return { content: null, recorded: 0, chunks, sizeBytes: text.length, checksum: contentChecksum(chunks) };
}

/** An If header of one untagged list with these tokens. */
export const submitting = (...tokens: string[]): { ifLists: IfList[] } => ({
  ifLists: tokens.map((value) => ({ resource: 'request', conditions: [{ not: false, kind: 'token', value }] })),
});

export class IndexDriver {
  readonly store: MetaStore;
  readonly journaled: JournaledBatch[] = [];
  readonly places: ChunkPlace[] = [];
  now = 1_000_000;
  segment = `${epoch}-00000001`;
  /** Copies that new segments want; undefined: as many as the volume. */
  wanted: number | undefined;
  #position = 0;
  #tip: Tip = { sequence: 0, hash: genesisHash, epoch };

  constructor(store: MetaStore) {
    this.store = store;
  }

  get tip(): Tip {
    return this.#tip;
  }

  /** Settings, three nodes, the first epoch. */
  async begin(): Promise<this> {
    const nodes = [firstNode, secondNode, thirdNode];
    await this.operations([
      { o: 'volume', id: 'volume-1', name: 'home', replicas: 2, created: this.now },
      ...nodes.map(
        (id, index): Operation => ({
          o: 'node',
          id,
          label: `node ${index}`,
          group: `group ${index}`,
          weight: 1,
          role: 'active',
          path: `/nodes/${index}`,
        }),
      ),
    ]);
    const { sequence, hash } = this.#tip;
    await this.operations([
      { o: 'epoch', id: epoch, parent: null, lastSequence: sequence, lastHash: hash, members: nodes, time: this.now },
    ]);
    return this;
  }

  /** One batch; throws the first request's error. */
  async submit(...asks: Ask[]): Promise<ChangeResult> {
    const prepared = await this.batch(asks);
    const [outcome] = prepared.outcomes;
    assert.ok(outcome);
    if (!outcome.ok) throw DriveError.fromData(outcome.error);
    return outcome.result;
  }

  /** One batch with all its outcomes. */
  async batch(asks: readonly Ask[], options: { readonly full?: boolean } = {}): Promise<Prepared> {
    this.now += 1_000;
    const requests = asks.map((ask) => ({ principal: '', now: this.now, ...ask }) as ChangeRequest);
    const sequence = this.#tip.sequence + 1;
    const data = [{ id: this.segment, nodes: [firstNode, secondNode], wanted: this.wanted }];
    const bringsChunks = asks.some((ask) => ask.kind === 'put' || JSON.stringify(ask).includes('"chunks"'));
    const prepared = await this.store.writer.prepare({ sequence, requests, data: bringsChunks ? data : [] });
    const places = this.#placesFor(prepared, requests);
    const batch = prepared.operations.length === 0 ? null : this.#encode(prepared.operations, sequence, asks);
    await this.store.writer.commit({ batch, places, data: [], ...options });
    this.places.push(...places);
    if (batch !== null) {
      this.journaled.push({ ...batch, operations: prepared.operations });
      this.#tip = { sequence, hash: batch.hash, epoch };
    }
    return prepared;
  }

  operations(operations: readonly Operation[]): Promise<ChangeResult> {
    return this.submit({ kind: 'operations', operations });
  }

  put(target: string, text = target, more: Partial<Extract<Ask, { kind: 'put' }>> = {}): Promise<ChangeResult> {
    return this.submit({ kind: 'put', path: path(target), content: staged(text), ...more });
  }

  makeFolder(target: string): Promise<ChangeResult> {
    return this.submit({ kind: 'make-folder', path: path(target) });
  }

  delete(target: string): Promise<ChangeResult> {
    return this.submit({ kind: 'delete', path: path(target) });
  }

  lock(target: string, more: Partial<Extract<Ask, { kind: 'lock' }>> = {}): Promise<ChangeResult> {
    return this.submit({
      kind: 'lock',
      path: path(target),
      token: `opaquelocktoken:${target}`,
      scope: 'exclusive',
      depth: 'infinity',
      owner: 'me',
      timeoutMs: 600_000,
      ...more,
    });
  }

  /** Prune steps until nothing is left; returns how many found something. */
  async prune(limit = 100): Promise<number> {
    let steps = 0;
    for (;;) {
      const before = this.#tip.sequence;
      const { pruned } = await this.submit({ kind: 'prune', limit, before, pinned: [] });
      if (pruned === 0) return steps;
      steps += 1;
      assert.ok(steps < 10_000, 'pruning makes progress');
    }
  }

  /** The journal continues in the next segment; the one before is sealed where its last record ended. */
  async seal(): Promise<string> {
    const segment = this.segment;
    await this.operations([{ o: 'seal', segment, length: this.#position, hash: null }]);
    const counter = Number.parseInt(segment.slice(-8), 16) + 1;
    this.segment = `${epoch}-${counter.toString(16).padStart(8, '0')}`;
    this.#position = 0;
    return segment;
  }

  lookup(target: string): EntryRow | undefined {
    return this.store.reader.lookup(path(target));
  }

  /** All paths with a trailing slash for folders, sorted. */
  tree(): string[] {
    const found: string[] = [];
    const walk = (folder: EntryRow, above: EntryPath): void => {
      for (const row of this.store.reader.list(folder.id, '', 10_000).rows) {
        const names = [...above, row.name];
        found.push(row.kind === 'folder' ? `${names.join('/')}/` : names.join('/'));
        if (row.kind === 'folder') walk(row, names);
      }
    };
    walk(this.store.reader.lookup([])!, []);
    return found.sort();
  }

  async checkpoint(): Promise<{ readonly bytes: Buffer; readonly tip: Tip }> {
    return checkpointOf(this.store);
  }

  #placesFor({ newChunks }: Prepared, requests: readonly ChangeRequest[]): ChunkPlace[] {
    const lengths = new Map<string, number>();
    for (const request of requests) {
      if (request.kind === 'put') for (const [id, bytes] of request.content.chunks) lengths.set(id, bytes);
      if (request.kind !== 'operations') continue;
      for (const operation of request.operations) {
        if (operation.o === 'chunks') for (const [id, bytes] of operation.chunks) lengths.set(id, bytes);
      }
    }
    return newChunks.map((chunk) => {
      const plainBytes = lengths.get(chunk);
      assert.ok(plainBytes !== undefined, 'new chunks are those of the requests');
      const recordBytes = plainBytes + recordOverhead;
      this.#position += recordBytes;
      return { chunk, segment: this.segment, offset: this.#position - recordBytes, recordBytes, plainBytes };
    });
  }

  #encode(operations: Buffer, sequence: number, asks: readonly Ask[]): BatchIdentity {
    const isEpoch = asks.some((ask) => ask.kind === 'operations' && ask.operations.some((item) => item.o === 'epoch'));
    const { sequence: previousSequence, hash: previousHash } = this.#tip;
    const encoded = encodeBatch({
      sequence,
      previousSequence,
      previousHash,
      epoch,
      writer: writerId,
      isEpoch,
      operations,
    });
    return { sequence, epoch, ...encoded };
  }
}

export async function checkpointOf(store: MetaStore): Promise<{ readonly bytes: Buffer; readonly tip: Tip }> {
  const stream = store.writer.checkpoint();
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  assert.ok(stream.tip);
  return { bytes: Buffer.concat(parts), tip: stream.tip };
}
