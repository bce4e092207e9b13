/**
 * Reads on a connection of their own: each call sees what is committed, in one or a few short statements. The file is as
 * long as the contract is wide; only chunk lists, which are verified here, are more than a query.
 */
import { DriveError } from '../../core/errors.js';
import type { ChunkPlace } from '../../segment/chunk-place.js';
import { checksumOfPages, chunksPerPage, decodePage, pageDigest } from '../content-checksum.js';
import { judgeConditions } from '../judge/conditions.js';
import { locatePath, spelledPath } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import { AnswerMemory } from '../memory/answer-memory.js';
import type { CommitCount } from '../memory/commit-count.js';
import type { BatchIdentity, MetaReader, VerifyInput } from '../meta-store.js';
import { damagedIndex, isIndexDamage } from '../meta-store.js';
import { nameKey } from '../name-key.js';
import type { ChunkId, ContentId, EntryId, NodeId, SegmentId } from '../operations.js';
import type { EntryPath } from '../requests.js';
import { toLockRow } from '../resolve/resolve-locks.js';
import type {
  ContentRow,
  EntryRow,
  EpochRow,
  LockRow,
  NodeProofs,
  NodeRow,
  OldProof,
  PropertyRow,
  ReplicaRow,
  SegmentRow,
  Tip,
  UserRow,
  VolumeRow,
} from '../rows.js';
import type { StoredChunk } from '../tables/chunk-table.js';
import type { StoredContent } from '../tables/content-table.js';
import { openTables, type Tables } from '../tables/tables.js';
import type { Connection } from './connection.js';
import { filesHolding } from './damage-search.js';
import { translateSqliteError } from './sqlite-errors.js';

type ContentChunk = ReturnType<MetaReader['contentChunks']>[number];

interface PlacedSegment {
  readonly id: SegmentId;
  readonly replicas: ReplicaRow[];
  readonly wanted: number;
}

/** Contents whose page digests were verified and are kept: 64 files being read at a time. */
const verifiedContentsKept = 64;
const digestBytes = 32;

export class SqliteReader implements MetaReader {
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #begin;
  readonly #end;
  readonly #memory: AnswerMemory | undefined;
  readonly #verifiedDigests = new Map<ContentId, Buffer>();
  readonly #onDamage: (error: DriveError) => void;
  #closed = false;

  /** `commits`: the writer's, for what may be remembered; without it nothing is. `onDamage`: told whenever an answer cannot be given because the index is damaged. */
  constructor(
    connection: Connection,
    {
      commits,
      onDamage = () => undefined,
    }: { readonly commits?: CommitCount; readonly onDamage?: (error: DriveError) => void } = {},
  ) {
    this.#connection = connection;
    this.#memory = commits && new AnswerMemory(commits);
    this.#onDamage = onDamage;
    this.#tables = openTables(connection);
    this.#begin = connection.prepare('BEGIN');
    this.#end = connection.prepare('COMMIT');
  }

  volume(): VolumeRow | undefined {
    return this.#read(({ nodes }) => nodes.volume());
  }

  tip(): Tip | undefined {
    return this.#remembered('tip', ({ journal }) => journal.tip());
  }

  lookup(path: EntryPath): EntryRow | undefined {
    return this.#remembered(`entry ${path.join('/')}`, (tables) => locatePath(tables, path).entry);
  }

  spelling(path: EntryPath): EntryPath {
    return this.#read((tables) => spelledPath(tables, path));
  }

  entry(id: EntryId): EntryRow | undefined {
    return this.#read(({ entries }) => entries.byId(id));
  }

  pathOf(id: EntryId): string[] | undefined {
    return this.#read(({ entries }) => entries.pathOf(id));
  }

  list(parent: EntryId, after: string, limit: number): { rows: readonly EntryRow[]; next: string | null } {
    // A folder that is open on a screen is listed again and again.
    const question = `list ${parent} ${limit} ${after}`;
    const rows = this.#remembered(question, ({ entries }) => entries.children(parent, after, limit));
    return { rows, next: rows.length < limit ? null : nameKey(rows.at(-1)!.name) };
  }

  properties(entry: EntryId): PropertyRow[] {
    return this.#read(({ properties }) => properties.of(entry));
  }

  copiesAt(path: EntryPath): number | null {
    return this.#remembered(`copies ${path.join('/')}`, (tables) => {
      const folder = locatePath(tables, path).chain.findLast(({ kind }) => kind === 'folder');
      return folder === undefined ? null : tables.protection.nearest(folder.id);
    });
  }

  protections(): { path: string[]; replicas: number }[] {
    return this.#read(({ protection, entries }) =>
      [...protection.all()].flatMap(([entry, replicas]) => {
        const path = entries.pathOf(entry);
        return path === undefined ? [] : [{ path, replicas }];
      }),
    );
  }

  hasProtection(): boolean {
    return this.#remembered(
      'protection',
      ({ protection, segments }) => protection.all().size > 0 || segments.hasOwnWanted(),
    );
  }

  locksCovering(path: EntryPath, now: number): LockRow[] {
    return this.#read((tables) => {
      const judge = new LockJudge(tables, { now, principal: '' });
      const covering = judge.covering(locatePath(tables, path));
      return covering.flatMap((lock) => toLockRow(lock, tables) ?? []);
    });
  }

  verify({ path, conditions, principal, now, forWriting }: VerifyInput): void {
    this.#read((tables) => {
      const located = locatePath(tables, path);
      const locks = new LockJudge(tables, { now, principal, conditions });
      judgeConditions({ tables, located, conditions, locks });
      if (!forWriting) return;
      if (located.entry === undefined) locks.allowCreate(located);
      else locks.allowChange(located);
    });
  }

  content(id: ContentId): ContentRow | undefined {
    const content = this.#read(({ contents }) => contents.get(id));
    if (content === undefined || content.checksum === null) return undefined;
    const { sizeBytes, chunkCount, checksum } = content;
    return { id, sizeBytes, chunkCount, checksum };
  }

  contentChunks(id: ContentId, first: number, count: number): readonly ContentChunk[] {
    return this.#remembered(`chunks ${id} ${first} ${count}`, (tables) => {
      const content = tables.contents.get(id);
      if (content === undefined || content.checksum === null) {
        tables.contents.verify();
        throw new DriveError('NOT_FOUND', { message: `content ${id} is not in the index` });
      }
      const digests = this.#digestsOf(content);
      const end = Math.min(first + count, content.chunkCount);
      const segments = new Map<number, PlacedSegment>();
      const chunks: ContentChunk[] = [];
      for (let at = first; at < end; ) {
        const number = Math.floor(at / chunksPerPage);
        const page = tables.contents.page(id, number);
        if (
          page === undefined ||
          !pageDigest(page).equals(digests.subarray(number * digestBytes, (number + 1) * digestBytes))
        )
          throw damagedList(id);
        const within = at - number * chunksPerPage;
        const references = decodePage(page, within, Math.min(chunksPerPage - within, end - at));
        if (references.length === 0) throw damagedList(id);
        for (const [chunk, plainBytes] of references) {
          const { place, replicas } = this.#placed(chunk, tables.chunks.get(chunk), segments);
          chunks.push({ chunk, plainBytes, place, replicas });
        }
        at += references.length;
      }
      return chunks;
    });
  }

  chunkPlace(id: ChunkId): ReturnType<MetaReader['chunkPlace']> {
    return this.#read(({ chunks }) => {
      const chunk = chunks.get(id);
      if (chunk === undefined || chunk.refs === 0) return undefined;
      const { place, replicas, wanted } = this.#placed(id, chunk, new Map());
      return place === null ? undefined : { place, replicas, wanted };
    });
  }

  chunksWithoutPlace(limit: number): ChunkId[] {
    return this.#remembered(`placeless ${limit}`, ({ chunks }) => chunks.withoutPlace(limit));
  }

  nodes(): readonly NodeRow[] {
    return this.#remembered('nodes', ({ nodes }) => nodes.nodes());
  }

  users(): readonly UserRow[] {
    return this.#remembered('users', ({ users }) => users.all());
  }

  user(name: string): UserRow | undefined {
    return this.#read(({ users }) => users.named(name));
  }

  epochs(): EpochRow[] {
    return this.#read(({ nodes }) => nodes.epochs());
  }

  segment(id: SegmentId): SegmentRow | undefined {
    return this.#read(({ segments }) => segments.row(id));
  }

  segments(after: string, limit: number): SegmentRow[] {
    // At an opening each node's listing is compared with all of them.
    return this.#remembered(`segments ${limit} ${after}`, ({ segments }) => segments.page(after, limit));
  }

  segmentChunks(id: SegmentId, afterOffset: number, limit: number): ChunkPlace[] {
    return this.#read(({ segments, chunks }) => {
      const segment = segments.get(id);
      if (segment === undefined) return [];
      return chunks.living(segment.number, afterOffset, limit).map((chunk) => ({ ...chunk, segment: id }));
    });
  }

  oldestProofs(input: Parameters<MetaReader['oldestProofs']>[0]): OldProof[] {
    return this.#read(({ segments }) => segments.oldestProofs(input));
  }

  segmentProofs(id: SegmentId): (OldProof & ReplicaRow)[] {
    return this.#read(({ segments }) => segments.proofsOf(id));
  }

  proofs(): NodeProofs[] {
    return this.#read(({ segments }) => segments.proofs());
  }

  degraded(input: {
    readonly wanted: number;
    readonly absent: readonly NodeId[];
    readonly limit: number;
  }): SegmentRow[] {
    // Asked again and again while nothing happens.
    return this.#remembered(`degraded ${JSON.stringify(input)}`, ({ segments }) => segments.degraded(input));
  }

  filesHolding(chunks: ReadonlySet<ChunkId>, limit: number): string[][] {
    return this.#read((tables) => filesHolding(tables, chunks, limit));
  }

  counts(): ReturnType<MetaReader['counts']> {
    const { files, folders, logicalBytes, segments, liveBytes, storedBytes } = this.#read(({ counters }) =>
      counters.stored(),
    );
    return { files, folders, logicalBytes, segments, liveBytes, storedBytes };
  }

  batches(after: number, limitBytes: number): BatchIdentity[] {
    return this.#read(({ journal }) => journal.after(after, limitBytes));
  }

  journaled(): { node: NodeId; sequence: number }[] {
    return this.#read(({ journal }) => journal.journaled());
  }

  unfinishedContents(): ContentId[] {
    return this.#read(({ contents }) => contents.unfinished());
  }

  hasEnded(): boolean {
    return this.#read(({ past, contents }) => !past.isEmpty() || contents.hasFinishedWithoutEntry());
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }

  #remembered<T>(question: string, query: (tables: Tables) => T): T {
    if (this.#closed || this.#memory === undefined) return this.#read(query);
    return this.#memory.answer(question, () => this.#read(query));
  }

  #read<T>(query: (tables: Tables) => T): T {
    if (this.#closed) throw new DriveError('CLOSED');
    try {
      return this.#atOneMoment(() => query(this.#tables));
    } catch (cause) {
      const error = translateSqliteError(cause);
      if (isIndexDamage(error)) this.#onDamage(error);
      throw error;
    }
  }

  /** What contradicts itself is damaged, so all statements of a call must see the same commit. */
  #atOneMoment<T>(work: () => T): T {
    if (this.#connection.inTransaction) return work();
    this.#begin.run();
    try {
      return work();
    } finally {
      if (this.#connection.inTransaction) this.#end.run();
    }
  }

  /** Digests of all pages, verified against the content's checksum. */
  #digestsOf(content: StoredContent): Buffer {
    const known = this.#verifiedDigests.get(content.id);
    if (known !== undefined) return known;
    const pages = this.#tables.contents.digests(content.id);
    const { sizeBytes, chunkCount, checksum } = content;
    const computed = checksumOfPages({ sizeBytes, count: chunkCount, pages }).toString('hex');
    if (computed !== checksum || pages.length !== Math.ceil(chunkCount / chunksPerPage)) throw damagedList(content.id);
    const digests = Buffer.concat(pages);
    this.#verifiedDigests.set(content.id, digests);
    if (this.#verifiedDigests.size > verifiedContentsKept) {
      this.#verifiedDigests.delete(this.#verifiedDigests.keys().next().value!);
    }
    return digests;
  }

  #placed(
    id: ChunkId,
    chunk: StoredChunk | undefined,
    segments: Map<number, PlacedSegment>,
  ): { place: ChunkPlace | null; replicas: ReplicaRow[]; wanted: number } {
    if (chunk === undefined) throw damagedIndex(`chunk ${id} of a content is lost`);
    if (chunk.segment === null) return { place: null, replicas: [], wanted: 0 };
    const segment = segments.get(chunk.segment) ?? this.#segmentOf(chunk.segment);
    segments.set(chunk.segment, segment);
    const { offset, recordBytes, plainBytes } = chunk;
    const place = { chunk: id, segment: segment.id, offset, recordBytes, plainBytes };
    return { place, replicas: segment.replicas, wanted: segment.wanted };
  }

  #segmentOf(number: number): PlacedSegment {
    const segment = this.#tables.segments.byNumber(number);
    if (segment === undefined) throw damagedIndex(`segment ${number} of a chunk is lost`);
    return { id: segment.id, replicas: this.#tables.segments.replicasOf(segment), wanted: segment.copiesWanted };
  }
}

function damagedList(id: ContentId): DriveError {
  return damagedIndex(`the chunk list of content ${id} does not match its checksum`);
}
