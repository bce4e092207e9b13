/** What background work needs of the engine; drive-host.ts gives it. Workers never hold on to more than this. */
import type { Clock } from '../core/clock.js';
import type { ChunkId, NodeId, SegmentId } from '../core/ids.js';
import type { SafetyParameters } from '../core/safety-parameters.js';
import type { MetaReader, MetaWriter } from '../meta/meta-store.js';
import type { ContentId } from '../meta/operations.js';
import type { SegmentNeeds } from '../meta/protection/segment-needs.js';
import type { ChangeRequest, ChangeResult } from '../meta/requests.js';
import type { StoreNode } from '../store/store-node.js';
import type { AppendedChunk, ReadTarget } from '../store/store-types.js';
import type { SegmentStore } from '../store/write/segment-store.js';
import type { EventKind } from './event-kind.js';
import type { Absence } from './healing/grace.js';

export interface MaintenanceNode extends StoreNode {
  readonly label: string;
  /** Milliseconds since 1970 at which its state began. */
  readonly since: number;
}

export interface MaintenanceHost {
  readonly reader: MetaReader;
  readonly segments: SegmentStore;
  readonly replicas: number;
  readonly safety: SafetyParameters;
  readonly clock: Clock;
  nodes(): readonly MaintenanceNode[];
  /** Open for writing, or pinned by an upload: what the index says of it may be about to change. */
  isWritten(segment: SegmentId): boolean;
  /** Written, or occupied by a worker. */
  isInUse(segment: SegmentId): boolean;
  /** Keeps all other workers away until the function returned is called; undefined when one has it already. */
  occupy(segment: SegmentId): (() => void) | undefined;
  /** Whether clients are being served right now: background work makes room for them. */
  isServing(): boolean;
  /** Reads a chunk, verified, from any good copy. */
  readChunk(target: ReadTarget, signal: AbortSignal): Promise<Buffer>;
  /** Whether the references that the index notes are those that its chunk lists make; a second of work in another thread. */
  addsUp(): Promise<boolean>;
  /** Segments that are to have another number of copies than their files need; seconds of work in another thread. ABORTED. */
  segmentNeeds(signal?: AbortSignal): Promise<SegmentNeeds>;
  /** Paths of living files that hold any of the chunks, at most `limit`, and how many there are; seconds of work in another thread. */
  filesHolding(
    chunks: ReadonlySet<ChunkId>,
    limit: number,
  ): Promise<{ readonly count: number; readonly paths: string[] }>;
  /** Contents that a reader has open. */
  pinnedContents(): ContentId[];
  /** Journaled and durable when it resolves. */
  submit(request: ChangeRequest, chunks?: readonly AppendedChunk[]): Promise<ChangeResult>;
  /** Local knowledge (replica states, places), between two batches. */
  withWriter<T>(work: (writer: MetaWriter) => Promise<T>): Promise<T>;
  /** What the operator said of a node that is away; absent: nothing of any. */
  absenceOf?(node: NodeId): Absence;
  /** Files of a node's recovery kit that were not as they should be, and were written again. */
  renewKit(node: NodeId): Promise<readonly string[]>;
  /** From here on every node's journal goes on in a new file, unless nothing can be written now. */
  endJournalFiles(): Promise<void>;
  /** Anything a person should know: one sentence. With a kind it also goes where notices go. */
  report(level: 'info' | 'warning' | 'error', message: string, kind?: EventKind): void;
}
