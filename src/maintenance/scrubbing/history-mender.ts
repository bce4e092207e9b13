/**
 * Makes what rotted in a node's journal and checkpoints again, byte for byte from what other nodes hold; what no node holds
 * any more is replaced by a new checkpoint from the index, which stands in for all journal before it. Bytes that are
 * being appended are no rot.
 */
import { hasCode } from '../../core/errors.js';
import { decodeCheckpoint } from '../../meta/checkpoint-file.js';
import { formatCheckpointName, parseCheckpointName } from '../../segment/checkpoint-name.js';
import type { DamagedJournalFile, JournalStore } from '../../store/journal/journal-reader.js';
import { repairedJournalFile } from '../../store/journal/journal-repair.js';
import { checkpointPieces } from '../../store/journal/node-checkpoints.js';
import { isWritable } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { type HistoryFindings, isNowhereWhole, standsInFor } from './history-findings.js';
import {
  describeHistory,
  type HistoryReader,
  type HistoryReading,
  isMissed,
  type NodeHistory,
} from './node-history.js';

export interface HistoryMenderOptions {
  readonly histories: HistoryReader;
  readonly findings: HistoryFindings;
  /** A new checkpoint on every node; false when no node takes it. */
  readonly renewCheckpoint: () => Promise<boolean>;
}

interface FoundHistory {
  readonly store: JournalStore;
  readonly found: NodeHistory;
  readonly reading: HistoryReading;
}

/** A checkpoint of the whole index on every node, and two push out all before: one that did not help is not written again soon. */
const standInMs = 24 * 3_600_000;

export class HistoryMender {
  private readonly host: MaintenanceHost;
  private readonly histories: HistoryReader;
  private readonly findings: HistoryFindings;
  private readonly renewCheckpoint: () => Promise<boolean>;
  private stoodInMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost, { histories, findings, renewCheckpoint }: HistoryMenderOptions) {
    this.host = host;
    this.histories = histories;
    this.findings = findings;
    this.renewCheckpoint = renewCheckpoint;
  }

  /** Sentences for what was bad, and how it is now. */
  async mend(
    node: MaintenanceNode,
    { store, found, reading }: FoundHistory,
  ): Promise<{ readonly sentences: string[]; readonly left: NodeHistory }> {
    const sentences: string[] = [];
    if (!(await mayWrite(this.host, node))) {
      const sentence = `${node.label}: ${describeHistory(found)}; nothing can be written there now`;
      return { sentences: [sentence], left: found };
    }
    for (const { name, problem } of found.badCheckpoints) {
      const source = await this.copyCheckpoint(node, name, reading);
      const isHeld = parseCheckpointName(name)!.sequence < found.start.sequence;
      const next = source === undefined ? withoutSource(isHeld) : `it was made again from ${source}`;
      sentences.push(...this.findings.tell(node, `checkpoint ${name} ${problem}`, next));
    }
    // A file that batches are still appended to is never replaced: all journals go on in new ones first. One of an older
    // epoch may be such a file too, on a node that follows slowly.
    const { epoch } = this.host.reader.tip()!;
    if (found.damagedFiles.length > 0) await this.host.endJournalFiles();
    const mayGrow = this.host.reader.tip()!.epoch === epoch;
    for (const file of mayGrow ? [] : found.damagedFiles) {
      const isMended = await this.mendJournalFile(node, file, reading);
      const next = isMended ? 'it was made again from the other nodes' : withoutSource(file.isHeld);
      sentences.push(...this.findings.tell(node, `journal file ${file.name} is damaged`, next));
    }
    const left = await this.histories.examine(store);
    if (!isMissed(left)) return { sentences, left };
    sentences.push(...(await this.standIn(node)));
    return { sentences, left: await this.histories.examine(store) };
  }

  /** The label of the node it came from; undefined when no other has it whole. */
  private async copyCheckpoint(
    to: MaintenanceNode,
    name: string,
    { signal }: HistoryReading,
  ): Promise<string | undefined> {
    const volume = this.host.reader.volume()?.id;
    for (const other of this.histories.readable().filter(({ id }) => id !== to.id)) {
      const { label } = other;
      const store = this.histories.coldStore(other, { signal });
      try {
        const header = await decodeCheckpoint(checkpointPieces(store, name), async () => undefined);
        if (header.volume !== volume || formatCheckpointName(header) !== name) continue;
        await to.store.put('checkpoints', name, checkpointPieces(store, name));
        await decodeCheckpoint(checkpointPieces(to.store, name), async () => undefined);
        return label;
      } catch (error) {
        if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT', 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) throw error;
      }
    }
    return undefined;
  }

  private async mendJournalFile(
    { id, store }: MaintenanceNode,
    file: DamagedJournalFile,
    { signal }: HistoryReading,
  ): Promise<boolean> {
    const others = this.histories.readable().filter((other) => other.id !== id);
    const { name } = file;
    const sizeBytes = (await store.list('journal')).find((listed) => listed.name === name)?.sizeBytes;
    if (sizeBytes === undefined) return false;
    const bytes = await repairedJournalFile(
      store,
      { name, sizeBytes },
      others.map((other) => this.histories.coldStore(other, { signal })),
    );
    if (bytes) await store.put('journal', name, [bytes]);
    return bytes !== undefined;
  }

  /** Behind its newest batch nothing of the journal before is needed. */
  private async standIn(node: MaintenanceNode): Promise<string[]> {
    if (this.host.clock.monotonic() - this.stoodInMs < standInMs) return [];
    if (!(await this.host.addsUp())) {
      const next = 'the index, which could stand in for it, does not add up: see "holdfast check"';
      return this.findings.tell(node, 'no other node holds what its journal lacks', next);
    }
    await this.host.endJournalFiles();
    const isWritten = await this.renewCheckpoint();
    if (isWritten) this.stoodInMs = this.host.clock.monotonic();
    const sentence = `${node.label}: no other node holds what its journal lacks; ${
      isWritten
        ? 'a new checkpoint of the index stands in for it on every node'
        : 'a new checkpoint must stand in for it, and no node takes one: keep the directory of the volume and make room'
    }`;
    this.host.report('warning', sentence, 'copy-bad');
    return [sentence];
  }
}

const withoutSource = (isHeld: boolean): string => (isHeld ? standsInFor : isNowhereWhole);

/** Nothing is written to any node while the volume can only be read. */
export async function mayWrite(host: MaintenanceHost, { state }: MaintenanceNode): Promise<boolean> {
  if (!isWritable(state)) return false;
  try {
    await host.withWriter(async () => undefined);
    return true;
  } catch (error) {
    if (!hasCode(error, 'READ_ONLY', 'UNAVAILABLE')) throw error;
    return false;
  }
}
