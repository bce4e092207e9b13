/**
 * One opening of a volume: the history that openHistory decided on, its committer, the segment store below, and what is
 * open above (uploads, readers, pins). It ends by `close` or when the committer breaks; then the drive opens a new one.
 */
import { ByteBudget } from '../core/byte-budget.js';
import type { Clock } from '../core/clock.js';
import { DriveError, hasCode } from '../core/errors.js';
import type { NodeId, SegmentId } from '../core/ids.js';
import type { Random } from '../core/random.js';
import type { SafetyParameters } from '../core/safety-parameters.js';
import type { BatchIdentity, MetaReader, MetaStore, VerifyInput } from '../meta/meta-store.js';
import type { ContentId, Operation } from '../meta/operations.js';
import type { ChangeRequest, ChangeResult, EntryPath } from '../meta/requests.js';
import type { EntryRow, VolumeRow } from '../meta/rows.js';
import { SegmentReader } from '../store/read/segment-reader.js';
import { countsAsCopy, isReadable, takesNewData } from '../store/store-node.js';
import type { AppendedChunk, BadCopy, ChunkToStore, SealedSegment, StoredBefore } from '../store/store-types.js';
import { type AppendOptions, SegmentStore } from '../store/write/segment-store.js';
import { Committer } from './commit/committer.js';
import { DataCopies } from './commit/data-copies.js';
import { type ContentSource, PinnedContentReader } from './content-reader.js';
import { requireFile } from './drive-volume.js';
import type { EngineNode } from './engine-node.js';
import { forkedReason } from './history/node-return.js';
import { closedHistory, type OpenedHistory, type OpeningInput, openHistory } from './history/opening.js';
import { Pins } from './pins.js';
import { ReturningRoom } from './returning-room.js';
import { KnownRoom, reportSpace } from './space.js';
import { UploadSession } from './upload-session.js';
import type { ContentReader, SpaceReport } from './volume.js';

export interface EngineOptions {
  readonly meta: MetaStore;
  /** All nodes of the volume, present or not; read anew at each decision. */
  readonly nodes: () => readonly EngineNode[];
  readonly volume: Pick<VolumeRow, 'id' | 'replicas'>;
  readonly safety: SafetyParameters;
  readonly clock: Clock;
  readonly random: Random;
  /** Contents that readers have open; they outlive an engine, as the readers do. */
  readonly contentPins?: Pins<ContentId> | undefined;
  /** The engine that serves now, for readers that outlive theirs; default: this one. */
  readonly current?: (() => Promise<VolumeEngine>) | undefined;
  /** How far the journals were durable when the engine before this one ended. */
  readonly durable?: ReadonlyMap<NodeId, number> | undefined;
  /** Number of the last batch that this process has seen durable on any node. */
  readonly newestKnown?: number | undefined;
  /** Nodes that are lost for good, as long as the index ends with the batch of that hash. */
  readonly givenUp?: OpeningInput['givenUp'];
  /** First operations of a new volume. */
  readonly genesis?: readonly Operation[] | undefined;
  /** Open for reading only, and why: every change is refused with it, and nothing is written to any node. */
  readonly refusal?: DriveError | undefined;
  readonly attic?: AtticRoom | undefined;
  readonly events: EngineEvents;
}

/** Deleted files wait in the nodes' attics: their bytes count as free and are given back before anything is refused. */
export interface AtticRoom {
  bytes(node: NodeId): number;
  /** Gives all of it back; false when there was nothing. */
  giveBack(): Promise<boolean>;
  /** Whether files that are not needed any more are about to be moved there. */
  isReclaiming(): boolean;
}

export interface EngineEvents {
  /** Nothing more can be committed; the history must be reopened. */
  onBroken(error: DriveError): void;
  onBadCopy(copy: BadCopy): void;
  /** A file could not be read: no copy is left that could be good. */
  onDamage(entry: EntryRow, error: DriveError): void;
  /** A file was read from its first byte to its last. */
  onReadWhole?(entry: EntryRow): void;
  /** A follower stopped following; it is made current like a node that returns. */
  onFollowerLost(node: NodeId): void;
  /** Files may need more copies than before, or fewer. */
  onNeedsChanged?(): void;
  onCommitted(batch: BatchIdentity): void;
  /** Background work that nobody waits for failed. */
  onTrouble(what: string, error: unknown): void;
}

export type ChangeInput = ChangeRequest;

/** Bytes of chunks in memory over all uploads together. */
const uploadMemoryBytes = 32 * 1024 * 1024;
/** Between two attempts of an upload to write a chunk. */
const retryPauseMs = 200;
const readCacheBytes = 24 * 1024 * 1024;

export class VolumeEngine {
  readonly meta: MetaStore;
  readonly history: OpenedHistory;
  readonly contentPins: Pins<ContentId>;
  readonly segments: SegmentStore;
  readonly segmentReader: SegmentReader;
  readonly committer: Committer;
  /** Monotonic milliseconds of the last work for a client: background work makes room for the next. */
  lastRequestMs = Number.NEGATIVE_INFINITY;
  private readonly options: EngineOptions;
  private readonly uploads = new Set<UploadSession>();
  private readonly sealing = new Map<SegmentId, Promise<void>>();
  private readonly budget = new ByteBudget(uploadMemoryBytes);
  private readonly room: ReturningRoom;
  private readonly knownRoom: KnownRoom;
  private closed = false;

  private constructor(options: EngineOptions, history: OpenedHistory, segments: SegmentStore) {
    this.options = options;
    this.contentPins = options.contentPins ?? new Pins();
    this.meta = options.meta;
    this.history = history;
    this.segments = segments;
    const { nodes, volume, safety, clock, random, events } = options;
    this.segmentReader = new SegmentReader({
      nodes,
      safety,
      clock,
      cacheBytes: readCacheBytes,
      onBadCopy: events.onBadCopy,
    });
    this.committer = new Committer({
      writer: this.meta.writer,
      data: new DataCopies({
        store: segments,
        reads: this.segmentReader,
        wantedCopies: (wanted) => this.wantedCopies(wanted),
      }),
      writeSet: history.writeSet,
      tip: history.tip,
      copies: () => volume.replicas,
      clock,
      random,
      onBroken: events.onBroken,
      onCommitted: (batch) => events.onCommitted(batch),
      refusal: options.refusal,
    });
    this.knownRoom = new KnownRoom(clock, () => this.space().availableBytes);
    this.room = new ReturningRoom({
      reader: this.reader,
      nodes,
      clock,
      leastBytes: () => segments.limits().segmentBytes,
      limitMs: safety.retryMs,
      giveBack: async () => (await options.attic?.giveBack()) ?? false,
      isReclaiming: () => options.attic?.isReclaiming() ?? false,
      isClosed: () => this.closed,
    });
  }

  /** Leaves nothing open on failure. `meta` stays the caller's. */
  static async open(options: EngineOptions): Promise<VolumeEngine> {
    const present = options.nodes().filter((node) => isReadable(node.state));
    const input = {
      ...options,
      nodes: present,
      replicas: options.volume.replicas,
      onFollowerLost: options.events.onFollowerLost,
    };
    const history = options.refusal ? await closedHistory(input) : await openHistory(input);
    for (const node of present) {
      if (history.forked.includes(node.id)) node.refuse(forkedReason(node));
    }
    const { meta, nodes, volume, safety, clock, events } = options;
    const segments = await SegmentStore.open({
      nodes,
      volumeId: volume.id,
      epoch: () => engine.committer.currentTip.epoch,
      copies: volume.replicas,
      safety,
      clock,
      usedBytes: (id) => meta.reader.nodes().find((node) => node.id === id)?.usedBytes ?? 0,
      // Before the first probe nothing is known: the write itself tells.
      availableBytes: () =>
        nodes().some((node) => takesNewData(node) && !node.space)
          ? Number.POSITIVE_INFINITY
          : engine.space().availableBytes,
      onBadCopy: events.onBadCopy,
      onSealed: (sealed) => engine.journalSeal(sealed),
    });
    const engine = new VolumeEngine(options, history, segments);
    try {
      if (!options.refusal) await engine.pruneUnfinished();
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  /** Why it takes no changes: every one is refused with it, and was in no batch. */
  get refusal(): DriveError | undefined {
    return this.options.refusal;
  }

  get reader(): MetaReader {
    return this.meta.reader;
  }

  /** Copies that new data gets now: fewer than wanted (default: by the volume) only while fewer nodes can be written to. */
  wantedCopies(wanted: number = this.options.volume.replicas): number {
    const writable = this.options.nodes().filter(takesNewData).length;
    return Math.max(1, Math.min(wanted, writable));
  }

  async change(request: ChangeInput, chunks: readonly AppendedChunk[]): Promise<ChangeResult> {
    this.noteRequest();
    const result = await this.committer.submit(request, chunks);
    if (result.needsChanged) this.options.events.onNeedsChanged?.();
    return result;
  }

  /** Background work yields to whoever saves or reads now. */
  noteRequest(): void {
    this.lastRequestMs = this.options.clock.monotonic();
  }

  open(path: EntryPath): ContentReader {
    const entry = requireFile(this.reader.lookup(path));
    const content = entry.content!;
    this.noteRequest();
    this.contentPins.add(content);
    const { clock, safety, nodes, current = async () => this, events } = this.options;
    const source: ContentSource = {
      opened: this,
      current,
      clock,
      retryMs: safety.retryMs,
      nodes,
      events,
    };
    return new PinnedContentReader(entry, source, () => this.contentPins.remove(content));
  }

  /** Open for writing, pinned, or sealed and not yet journaled: its files are not to be judged. */
  isInUse(segment: SegmentId): boolean {
    return (
      this.sealing.has(segment) ||
      this.segments.isPinned(segment) ||
      this.segments.openSegments().some((open) => open.segment === segment)
    );
  }

  /** OUT_OF_SPACE when the body cannot fit, after waiting for room that is coming; UNAVAILABLE without a disk. */
  async upload(options: {
    expectedBytes?: number | undefined;
    signal?: AbortSignal | undefined;
    path?: EntryPath | undefined;
  }): Promise<UploadSession> {
    const { expectedBytes = 0, signal, path = [] } = options;
    const wanted = this.reader.copiesAt(path) ?? this.options.volume.replicas;
    // Free space is told in the volume's number of copies.
    const neededBytes = (expectedBytes * wanted) / this.options.volume.replicas;
    const fits = async () => this.knownRoom.fits(neededBytes);
    if (!(await fits()) && !(await this.room.wait(fits, signal))) throw this.noRoom();
    if (this.closed) throw new DriveError('CLOSED');
    const session = new UploadSession(
      {
        budget: this.budget,
        chunkId: (plain) => this.segments.chunkId(plain),
        findStored: (chunk) => this.findStored(chunk),
        append: (chunks, where) => this.append(chunks, where),
        submit: (request, chunks) => this.committer.submit(request, chunks),
        pin: (segment) => this.segments.pin(segment),
        unpin: (segment) => this.segments.unpin(segment),
        now: () => this.options.clock.now(),
        windowBytes: () => this.options.safety.syncWindowBytes / (2 * Math.max(1, this.uploads.size)),
        onEnd: (ended) => this.uploads.delete(ended),
      },
      { ...options, wanted },
    );
    this.uploads.add(session);
    return session;
  }

  /** Disks that are away are no lack of room: retrying helps. */
  private noRoom(): DriveError {
    const hasDisk = this.options.nodes().some((node) => node.state === 'online' || node.state === 'full');
    if (hasDisk) return new DriveError('OUT_OF_SPACE', { hint: 'delete something, or add a node' });
    return new DriveError('UNAVAILABLE', { message: 'no disk can be written to', hint: 'plug in one of its disks' });
  }

  space(): SpaceReport {
    return reportSpace({
      reader: this.reader,
      segments: this.segments,
      nodes: this.options.nodes(),
      copies: this.options.volume.replicas,
      atticBytes: (node) => this.options.attic?.bytes(node) ?? 0,
    });
  }

  /** A courtesy before a body is read; the writer judges again, and only that counts. */
  verify(input: VerifyInput): void {
    this.reader.verify(input);
  }

  /** Sessions that were running are aborted; what was submitted is drained; open segments are sealed. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await Promise.allSettled([...this.uploads].map((upload) => upload.abort()));
    try {
      // Seals that cannot be journaled any more are left to the next opening, which waits for this.
      if (!this.committer.isBroken) await this.segments.sealAll();
      await Promise.all(this.sealing.values());
    } finally {
      await this.committer.close();
      await this.segments.close();
      await this.history.writeSet.close();
    }
  }

  /** Durable and committed; whether its copies suffice, the upload says. */
  private findStored(chunk: ChunkToStore): StoredBefore | undefined {
    const known = this.reader.chunkPlace(chunk.id);
    if (!known || known.place.plainBytes !== chunk.plain.length) return undefined;
    const online = this.options.nodes().filter((node) => isReadable(node.state) && countsAsCopy(node));
    const nodes = known.replicas
      .filter((replica) => replica.state === 'good' && online.some(({ id }) => id === replica.node))
      .map((replica) => replica.node);
    return { place: known.place, nodes, wanted: known.wanted };
  }

  /** Disks that are all away may be back in a moment: an upload of hours waits for them before it fails. */
  private async append(chunks: readonly ChunkToStore[], options: AppendOptions): Promise<AppendedChunk[]> {
    const { clock, safety } = this.options;
    const deadline = clock.monotonic() + safety.retryMs;
    for (;;) {
      try {
        return await this.appendNow(chunks, options);
      } catch (error) {
        if (!hasCode(error, 'UNAVAILABLE') || this.closed || clock.monotonic() >= deadline) throw error;
      }
      await clock.sleep(retryPauseMs, { signal: options.signal });
    }
  }

  private async appendNow(chunks: readonly ChunkToStore[], options: AppendOptions): Promise<AppendedChunk[]> {
    this.noteRequest();
    let appended: AppendedChunk[] | undefined;
    let failure: unknown;
    const isAppended = async () => {
      try {
        appended = await this.segments.append(chunks, options);
      } catch (error) {
        if (!hasCode(error, 'OUT_OF_SPACE')) throw error;
        failure = error;
      }
      return appended !== undefined;
    };
    if (!(await isAppended())) await this.room.wait(isAppended, options.signal);
    if (!appended) throw failure;
    return appended;
  }

  /** Uploads left unfinished by the opening before this one. */
  private async pruneUnfinished(): Promise<void> {
    const contents = this.reader.unfinishedContents();
    if (contents.length === 0) return;
    const operations = [{ o: 'prune', entries: [], contents }] as const;
    await this.committer.submit({
      kind: 'operations',
      principal: '',
      now: this.options.clock.now(),
      operations,
    });
  }

  /**
   * Journaled with its nodes, so that a segment in which nothing was ever committed is known too: as dead. Nodes that
   * were to hold it and do not are healed.
   */
  private journalSeal({ segment, lengthBytes: length, hash, nodes, wanted }: SealedSegment): void {
    const work = async (): Promise<void> => {
      const isOwn = wanted !== this.options.volume.replicas && this.reader.segment(segment) === undefined;
      const operations: Operation[] = [
        { o: 'data', segments: [{ id: segment, nodes }] },
        ...(isOwn ? [{ o: 'want', segment, replicas: wanted } as const] : []),
        { o: 'seal', segment, length, hash },
      ];
      await this.committer.submit({ kind: 'operations', principal: '', now: this.options.clock.now(), operations });
      const short = this.reader.segment(segment)?.replicas.filter((replica) => !nodes.includes(replica.node)) ?? [];
      if (short.length === 0) return;
      await this.committer.withWriter((writer) =>
        writer.setReplicaStates(short.map(({ node }) => ({ segment, node, state: 'short' as const }))),
      );
    };
    const sealing = work()
      .catch((error: unknown) => {
        // The next opening seals it from what the index knows.
        if (!this.closed) this.options.events.onTrouble(`sealing segment ${segment}`, error);
      })
      .finally(() => this.sealing.delete(segment));
    this.sealing.set(segment, sealing);
  }
}
