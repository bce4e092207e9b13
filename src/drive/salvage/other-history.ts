/**
 * The history that one node holds, as if it were alone: an index of it made aside, and its bytes, read from that node,
 * from any other node (segments never change), or from where the drive keeps the same chunk now. Writes to no node.
 */
import { join } from 'node:path';
import { DriveError, hasCode } from '../../core/errors.js';
import type { Following } from '../../drive-disks.js';
import type { MetaReader, MetaStore } from '../../meta/meta-store.js';
import type { ContentId } from '../../meta/operations.js';
import { openMetaStore } from '../../meta/sqlite-meta-store.js';
import { SegmentReader } from '../../store/read/segment-reader.js';
import type { ReadTarget } from '../../store/store-types.js';
import type { VolumeEngine } from '../../volume/engine.js';
import type { EngineNode } from '../../volume/engine-node.js';
import { rebuildIndex } from '../../volume/history/rebuild.js';
import { findPlaces } from '../../volume/history/segment-places.js';
import type { DriveContext } from '../drive-context.js';
import type { NodeToOpen } from '../drive-nodes.js';
import { makeIndexFile, removeIndex } from '../drive-rebuild.js';
import { reachable } from '../rehearsal/reachable-node.js';

export const otherHistoryIndexName = 'index.db.salvage';

export interface OtherHistoryInput extends Following {
  readonly directory: string;
  readonly volume: string;
  readonly context: DriveContext;
  readonly node: NodeToOpen;
  /** The other nodes, present or not. */
  readonly others: readonly NodeToOpen[];
  /** Of the drive, as it serves now. */
  readonly engine: () => Promise<VolumeEngine>;
}

type Chunk = ReturnType<MetaReader['contentChunks']>[number];

const pageChunks = 64;

export class OtherHistory {
  readonly #input: OtherHistoryInput;
  readonly #meta: MetaStore;
  readonly #node: EngineNode;
  readonly #others: readonly EngineNode[];
  readonly #segments: SegmentReader;

  private constructor(input: OtherHistoryInput, parts: { meta: MetaStore; node: EngineNode; others: EngineNode[] }) {
    const { clock, safety } = input.context;
    this.#input = input;
    this.#meta = parts.meta;
    this.#node = parts.node;
    this.#others = parts.others;
    const nodes = () => [parts.node, ...parts.others];
    this.#segments = new SegmentReader({ nodes, clock, safety, cacheBytes: 0, onBadCopy: () => undefined });
  }

  /** NODE_GONE when the node is not here; what a rebuild from it alone meets. */
  static async open(input: OtherHistoryInput): Promise<OtherHistory> {
    const { directory, volume, context } = input;
    const { fileIo } = context;
    const file = join(directory, otherHistoryIndexName);
    const node = await reachable(input.node, volume, context);
    const others: EngineNode[] = [];
    const newIndex = async () => {
      await removeIndex(fileIo, directory, otherHistoryIndexName);
      await makeIndexFile(fileIo, file);
      return openMetaStore({ file, isBeingMade: true });
    };
    try {
      await node.store.look();
      for (const other of input.others) others.push(await reachable(other, volume, context));
      const { onProgress, signal } = input;
      const leaveOut = (known: readonly { readonly id: string }[]) =>
        known.map(({ id }) => id).filter((id) => id !== node.id);
      const meta = await rebuildIndex({ newIndex, nodes: [node], leaveOut, onProgress, signal });
      return new OtherHistory(input, { meta, node, others });
    } catch (error) {
      await closeAll([node, ...others]);
      await removeIndex(fileIo, directory, otherHistoryIndexName);
      throw error;
    }
  }

  get reader(): MetaReader {
    return this.#meta.reader;
  }

  /** Whether it is not known, here or by the drive, where some of the content lies. */
  async lacksPlaces(content: ContentId): Promise<boolean> {
    const { reader } = await this.#input.engine();
    for await (const { chunk, place } of this.#chunks(content)) if (!place && !reader.chunkPlace(chunk)) return true;
    return false;
  }

  /** Looks for them on the other nodes. ABORTED. */
  async findPlaces(): Promise<void> {
    const { onProgress, signal } = this.#input;
    await findPlaces({ meta: this.#meta, nodes: this.#others, onProgress, signal });
  }

  /** Verified, in order; undefined in place of bytes that no node here gives. NODE_GONE when its own node left, ABORTED. */
  async *content(id: ContentId): AsyncGenerator<Buffer | undefined> {
    for await (const chunk of this.#chunks(id)) {
      const bytes = (await this.#ownBytes(chunk)) ?? (await this.#servedBytes(chunk));
      // Else every file that follows would be called unreadable.
      if (bytes === undefined) await this.#node.store.look();
      yield bytes;
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    const { directory, context } = this.#input;
    await this.#meta.close();
    await closeAll([this.#node, ...this.#others]);
    await removeIndex(context.fileIo, directory, otherHistoryIndexName);
  }

  async *#chunks(id: ContentId): AsyncGenerator<Chunk> {
    for (let first = 0; ; first += pageChunks) {
      const page = this.reader.contentChunks(id, first, pageChunks);
      yield* page;
      if (page.length < pageChunks) return;
      // Requests of clients come between two pages.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  async #ownBytes({ place }: Chunk): Promise<Buffer | undefined> {
    // Which node holds the segment now may not be what this history knew.
    const nodes = [this.#node, ...this.#others].map(({ id }) => id);
    return place ? this.#read(this.#segments, { place, nodes }) : undefined;
  }

  async #servedBytes({ chunk }: Chunk): Promise<Buffer | undefined> {
    const { reader, segmentReader } = await this.#input.engine();
    const known = reader.chunkPlace(chunk);
    if (!known) return undefined;
    return this.#read(segmentReader, { place: known.place, nodes: known.replicas.map(({ node }) => node) });
  }

  async #read(segments: SegmentReader, target: ReadTarget): Promise<Buffer | undefined> {
    const { signal } = this.#input;
    if (signal?.aborted) throw new DriveError('ABORTED');
    try {
      return await segments.read(target, 0, target.place.plainBytes, { signal });
    } catch (error) {
      if (hasCode(error, 'DAMAGED', 'UNAVAILABLE')) return undefined;
      throw error;
    }
  }
}

async function closeAll(nodes: readonly EngineNode[]): Promise<void> {
  for (const { store } of nodes) await store.close();
}
