/**
 * Writes the state of the index as a checkpoint to every node that is there, so that a rebuild need not replay the
 * whole journal. Two checkpoints are kept on each node, and the journal since the older one: what is older goes through
 * the gate, and only once the newer checkpoint lies on the node and was read back there.
 */
import { hasCode } from '../core/errors.js';
import { type CheckpointHeader, decodeCheckpoint, encodeCheckpoint } from '../meta/checkpoint-file.js';
import type { Tip } from '../meta/rows.js';
import type { NodeStore } from '../node/node-store.js';
import { formatCheckpointName, parseCheckpointName } from '../segment/checkpoint-name.js';
import { parseJournalFileName } from '../segment/journal-file-name.js';
import { checkpointNames, checkpointPieces } from '../store/journal/node-checkpoints.js';
import type { DeletionGate } from './deletion-gate.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

const keptCheckpoints = 2;

export class Checkpointer implements Worker {
  readonly name = 'checkpoint';
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private latest: CheckpointHeader | undefined;
  private journalBytes = 0;

  constructor(host: MaintenanceHost, gate: DeletionGate) {
    this.host = host;
    this.gate = gate;
  }

  get last(): CheckpointHeader | undefined {
    return this.latest;
  }

  /** Told of each batch: a checkpoint is due after so many bytes of journal. */
  onBatch(bytes: number): void {
    this.journalBytes += bytes;
  }

  async step(): Promise<StepResult> {
    this.latest ??= await this.findLatest();
    if (this.latest && this.journalBytes < this.host.safety.checkpointAfterBytes) return 'idle';
    const nodes = this.host.nodes().filter((node) => node.state === 'online');
    const [first, ...others] = nodes;
    if (!first) return 'idle';
    this.journalBytes = 0;
    const header = await this.write(first);
    for (const node of others) await this.copy(header, first, node);
    this.latest = header;
    for (const node of nodes) await this.removeSuperseded(node);
    return 'worked';
  }

  /** For a node too far behind for the journal that is kept: a checkpoint it can stand on. */
  async giveTo(node: MaintenanceNode): Promise<Tip> {
    const header = await this.write(node);
    this.latest = header;
    return header;
  }

  private async write(node: MaintenanceNode): Promise<CheckpointHeader> {
    const { reader, clock } = this.host;
    const { header, operations } = await this.host.withWriter(async (writer) => {
      const stream = writer.checkpoint();
      return { header: { ...stream.tip!, volume: reader.volume()!.id, time: clock.now() }, operations: stream };
    });
    await node.store.put('checkpoints', formatCheckpointName(header), encodeCheckpoint(header, operations));
    await verify(node.store, header);
    return header;
  }

  private async copy(header: CheckpointHeader, from: MaintenanceNode, to: MaintenanceNode): Promise<void> {
    const name = formatCheckpointName(header);
    await to.store.put('checkpoints', name, checkpointPieces(from.store, name));
    await verify(to.store, header);
  }

  private async findLatest(): Promise<CheckpointHeader | undefined> {
    let best: CheckpointHeader | undefined;
    for (const node of this.host.nodes().filter((candidate) => candidate.state === 'online')) {
      const [newest] = await checkpointNames(node.store);
      if (!newest || (best && (parseCheckpointName(newest)?.sequence ?? 0) <= best.sequence)) continue;
      try {
        best = await decodeCheckpoint(checkpointPieces(node.store, newest), async () => undefined);
      } catch (error) {
        if (!hasCode(error, 'CORRUPT')) throw error;
        this.host.report('warning', `${node.label}: the newest checkpoint is damaged; a new one is made`);
      }
    }
    return best;
  }

  private async removeSuperseded(node: MaintenanceNode): Promise<void> {
    const names = await checkpointNames(node.store);
    const oldestKept = names[keptCheckpoints - 1];
    if (!oldestKept) return;
    await this.gate.removeSuperseded(node, 'checkpoints', names.slice(keptCheckpoints));
    const { sequence } = parseCheckpointName(oldestKept)!;
    const journals = (await node.store.list('journal'))
      .map((file) => ({ name: file.name, first: parseJournalFileName(file.name)?.firstSequence }))
      .filter((file) => file.first !== undefined)
      .sort((a, b) => a.first! - b.first!);
    // A file ends where the next one begins; the last one may still grow.
    const superseded = journals.filter(
      (_, index) => (journals[index + 1]?.first ?? Number.POSITIVE_INFINITY) <= sequence + 1,
    );
    await this.gate.removeSuperseded(
      node,
      'journal',
      superseded.map((file) => file.name),
    );
  }
}

async function verify(store: NodeStore, expected: CheckpointHeader): Promise<void> {
  await decodeCheckpoint(checkpointPieces(store, formatCheckpointName(expected)), async () => undefined);
}
