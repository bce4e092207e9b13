/** What background work needs of an engine, over a real index and nodes in memory; time stands still. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { DriveError } from '../../src/core/errors.js';
import { type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import type { MaintenanceHost, MaintenanceNode } from '../../src/maintenance/maintenance-host.js';
import type { Worker } from '../../src/maintenance/worker.js';
import { contentChecksum } from '../../src/meta/content-checksum.js';
import { filesHolding } from '../../src/meta/files-holding.js';
import type { MetaStore } from '../../src/meta/meta-store.js';
import type { Operation } from '../../src/meta/operations.js';
import type { ChangeRequest, ChangeResult } from '../../src/meta/requests.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { encodeBatch, genesisHash } from '../../src/segment/journal-batch.js';
import { segmentFileName } from '../../src/segment/segment-id.js';
import { SegmentReader } from '../../src/store/read/segment-reader.js';
import type { AppendedChunk } from '../../src/store/store-types.js';
import { SegmentStore } from '../../src/store/write/segment-store.js';
import { chunkOf, firstEpoch, TestNode } from '../store/store-fixture.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import type { CleanUp } from '../support/temporary-folder.js';

export class HostNode extends TestNode implements MaintenanceNode {
  readonly label: string;
  since = 0;

  constructor(letter: string) {
    super(letter);
    this.label = `node ${letter}`;
  }

  leave(at: number): void {
    this.state = 'offline';
    this.since = at;
  }
}

export interface HostFixture extends MaintenanceHost {
  readonly clock: ManualClock;
  readonly meta: MetaStore;
  readonly all: HostNode[];
  readonly reports: string[];
  readonly readers: Set<number>;
  serving: boolean;
  /** One file a chunk; the segment is sealed, and its id returned. */
  save(...files: readonly { readonly name: string; readonly bytes: number; readonly seed: number }[]): Promise<string>;
  remove(...names: string[]): Promise<void>;
  node(id: string): HostNode;
  holders(segment: string): HostNode[];
  states(segment: string): string[];
  operations(...operations: Operation[]): Promise<void>;
}

/** Steps until it is idle, letting time pass as its pauses ask for. */
export async function runUntilIdle({ clock }: HostFixture, worker: Worker): Promise<void> {
  const { signal } = new AbortController();
  for (let steps = 0; ; steps += 1) {
    assert.ok(steps < 100, 'it comes to an end');
    let result: string | undefined;
    void worker.step(signal).then((value) => {
      result = value;
    });
    for (let waits = 0; result === undefined; waits += 1) {
      assert.ok(waits < 60_000, 'a step comes to an end');
      // Threads need real time, and the processor.
      await (waits < 100 ? settle() : sleep(1));
      if (clock.pending > 0) await clock.advance(10);
    }
    if (result === 'idle') return;
  }
}

export async function openHost(
  test: CleanUp,
  {
    letters = 'abc',
    replicas = 2,
    safety = {},
  }: { letters?: string; replicas?: number; safety?: Partial<SafetyParameters> } = {},
): Promise<HostFixture> {
  const all = [...letters].map((letter) => new HostNode(letter));
  const clock = new ManualClock();
  const meta = await openMetaStore({ file: ':memory:' });
  const { reader, writer } = meta;
  const journal = new Journal(meta);
  const merged = { ...testSafety, healGraceMs: 1_000, atticMs: 60_000, ...safety };
  const sealing: Promise<unknown>[] = [];
  const segments = await SegmentStore.open({
    nodes: () => all,
    volumeId: '0123456789abcdef',
    epoch: () => firstEpoch,
    copies: replicas,
    safety: merged,
    clock,
    usedBytes: (id) => reader.nodes().find((node) => node.id === id)?.usedBytes ?? 0,
    onBadCopy: () => undefined,
    onSealed: ({ segment, lengthBytes: length, hash, nodes }) => {
      const operations: Operation[] = [
        { o: 'data', segments: [{ id: segment, nodes }] },
        { o: 'seal', segment, length, hash },
      ];
      sealing.push(journal.submit({ kind: 'operations', principal: '', now: clock.now(), operations }, segments, []));
    },
  });
  const reads = new SegmentReader({ nodes: () => all, safety: merged, clock, onBadCopy: () => undefined });
  const occupied = new Set<string>();
  const isWritten = (id: string) =>
    segments.isPinned(id) || segments.openSegments().some((open) => open.segment === id);
  const submit = (request: ChangeRequest, chunks: readonly AppendedChunk[] = []) =>
    journal.submit(request, segments, chunks);
  const host: HostFixture = {
    reader,
    segments,
    replicas,
    safety: merged,
    clock,
    meta,
    all,
    reports: [],
    readers: new Set<number>(),
    serving: false,
    nodes: () => all,
    isWritten,
    isInUse: (id) => occupied.has(id) || isWritten(id),
    occupy: (id) => {
      if (occupied.has(id)) return undefined;
      occupied.add(id);
      return () => void occupied.delete(id);
    },
    isServing: () => host.serving,
    readChunk: (target, signal) => reads.read(target, 0, target.place.plainBytes, { signal }),
    addsUp: async () => (await meta.check({ only: 'sums' })).length === 0,
    segmentNeeds: () => meta.segmentNeeds(),
    filesHolding: (chunks, limit) => filesHolding(meta, chunks, limit),
    pinnedContents: () => [...host.readers],
    submit,
    withWriter: (work) => work(writer),
    renewKit: async () => [],
    endJournalFiles: async () => undefined,
    report: (level, message) => host.reports.push(`${level}: ${message}`),
    save: async (...files) => {
      const chunks = files.map(({ bytes, seed }) => chunkOf(bytes, seed));
      const appended = await segments.append(chunks, { lane: 'small' });
      await segments.sync(appended.map(({ place }) => place.segment));
      for (const [index, { name, bytes }] of files.entries()) {
        const references = [[chunks[index]!.id, bytes]] as const;
        const content = { content: null, recorded: 0, chunks: references, sizeBytes: bytes };
        const checksum = contentChecksum(references);
        await submit(
          { kind: 'put', principal: '', now: clock.now(), path: [name], content: { ...content, checksum } },
          [appended[index]!],
        );
      }
      await segments.sealAll();
      await Promise.all(sealing);
      return appended[0]!.place.segment;
    },
    remove: async (...names) => {
      for (const name of names) await submit({ kind: 'delete', principal: '', now: clock.now(), path: [name] });
      for (let pruned: number | undefined = 1; pruned; ) {
        const before = reader.tip()!.sequence;
        const base = { principal: '', now: clock.now(), limit: 100, before, pinned: [...host.readers] };
        ({ pruned } = await submit({ kind: 'prune', ...base }));
      }
    },
    node: (id) => all.find((node) => node.id === id)!,
    holders: (segment) => all.filter((node) => node.store.names('segments').includes(segmentFileName(segment))),
    states: (segment) => reader.segment(segment)!.replicas.map(({ node, state }) => `${node[0]} ${state}`),
    operations: async (...operations) => {
      await submit({ kind: 'operations', principal: '', now: clock.now(), operations });
    },
  };
  await host.operations(
    { o: 'volume', id: '0123456789abcdef', name: 'home', replicas, created: clock.now() },
    ...all.map(({ id, label, group, weight }): Operation => {
      return { o: 'node', id, label, group, weight, role: 'active', path: `/${label}` };
    }),
  );
  const members = all.map((node) => node.id);
  const lastHash = genesisHash;
  await host.operations({ o: 'epoch', id: firstEpoch, parent: null, lastSequence: 0, lastHash, members, time: 1 });
  test.after(async () => {
    await segments.close();
    const findings = await meta.check();
    await meta.close();
    for (const node of all) node.store.assertSound();
    assert.deepEqual(findings, []);
  });
  return host;
}

/** As the committer does it, one request a batch. */
class Journal {
  private readonly meta: MetaStore;
  private tip = { sequence: 0, hash: genesisHash };
  private turn: Promise<unknown> = Promise.resolve();

  constructor(meta: MetaStore) {
    this.meta = meta;
  }

  submit(request: ChangeRequest, store: SegmentStore, chunks: readonly AppendedChunk[]): Promise<ChangeResult> {
    const result = this.turn.then(() => this.run(request, store, chunks));
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async run(
    request: ChangeRequest,
    store: SegmentStore,
    chunks: readonly AppendedChunk[],
  ): Promise<ChangeResult> {
    const { writer } = this.meta;
    const sequence = this.tip.sequence + 1;
    if (chunks.length > 0) await store.sync([...new Set(chunks.map(({ place }) => place.segment))]);
    const nodesOf = new Map(chunks.map(({ place, nodes }) => [place.segment, nodes]));
    const data = [...nodesOf].map(([id, nodes]) => ({ id, nodes }));
    const prepared = await writer.prepare({ sequence, requests: [request], data });
    const [outcome] = prepared.outcomes;
    const { bytes, hash } = encodeBatch({
      sequence,
      previousSequence: this.tip.sequence,
      previousHash: this.tip.hash,
      epoch: firstEpoch,
      writer: 'f'.repeat(16),
      isEpoch: false,
      operations: prepared.operations,
    });
    const batch = prepared.operations.length === 0 ? null : { sequence, hash, epoch: firstEpoch, bytes };
    await writer.commit({ batch, places: chunks.map(({ place }) => place), data: [] });
    if (batch) this.tip = { sequence, hash };
    if (!outcome!.ok) throw DriveError.fromData(outcome!.error);
    return outcome!.result;
  }
}
