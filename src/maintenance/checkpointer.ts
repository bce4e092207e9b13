/**
 * Writes the state of the index as a checkpoint to every node that is there, so that a rebuild need not replay the
 * whole journal. Two checkpoints are kept on each node, and the journal since the older one: what is older goes through
 * the gate, and only once the newer checkpoint lies on the node and was read back there.
 */
import { asDriveError, hasCode } from '../core/errors.js';
import { type CheckpointHeader, decodeCheckpoint, encodeCheckpoint } from '../meta/checkpoint-file.js';
import type { Tip } from '../meta/rows.js';
import { formatCheckpointName, parseCheckpointName } from '../segment/checkpoint-name.js';
import { parseJournalFileName } from '../segment/journal-file-name.js';
import { checkpointNames, checkpointPieces } from '../store/journal/node-checkpoints.js';
import type { NodeStore } from '../store/store-node.js';
import type { DeletionGate } from './deletion/deletion-gate.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

const keptCheckpoints = 2;

export class Checkpointer implements Worker {
  readonly name = 'checkpoint';
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private latest: CheckpointHeader | undefined;
  private journalBytes = 0;
  private isFound = false;

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
    if (!this.isFound) await this.findLatest();
    if (this.latest && this.journalBytes < this.host.safety.checkpointAfterBytes) return 'idle';
    const nodes = this.host.nodes().filter((node) => node.state === 'online');
    const [first, ...others] = nodes;
    if (!first) return 'idle';
    const bytesBefore = this.journalBytes;
    const header = await this.write(first, false);
    this.latest = header;
    this.journalBytes -= bytesBefore;
    await this.removeSuperseded(first);
    for (const node of others) await this.bring(header, first, node);
    return 'worked';
  }

  /**
   * For a node too far behind for the journal that is kept: a checkpoint it can stand on. The batches behind it are
   * kept for the node from here on.
   */
  async giveTo(node: MaintenanceNode): Promise<Tip> {
    return this.write(node, true);
  }

  private async write(node: MaintenanceNode, isItsPosition: boolean): Promise<CheckpointHeader> {
    const { reader, clock } = this.host;
    const { header, operations } = await this.host.withWriter(async (writer) => {
      const stream = writer.checkpoint();
      const tip = stream.tip!;
      if (isItsPosition) await writer.setJournaled(node.id, tip.sequence);
      return { header: { ...tip, volume: reader.volume()!.id, time: clock.now() }, operations: stream };
    });
    await node.store.put('checkpoints', formatCheckpointName(header), encodeCheckpoint(header, operations));
    await verify(node.store, header);
    return header;
  }

  /** A node that fails gets the next checkpoint; its journal is whole without this one. */
  private async bring(header: CheckpointHeader, from: MaintenanceNode, to: MaintenanceNode): Promise<void> {
    try {
      await this.copy(header, from, to);
      await this.removeSuperseded(to);
    } catch (error) {
      this.host.report('warning', `${to.label}: the checkpoint could not be written: ${asDriveError(error).message}`);
    }
  }

  private async copy(header: CheckpointHeader, from: MaintenanceNode, to: MaintenanceNode): Promise<void> {
    const name = formatCheckpointName(header);
    await to.store.put('checkpoints', name, checkpointPieces(from.store, name));
    await verify(to.store, header);
  }

  /** The newest checkpoint that is there, and how much journal there is since. */
  private async findLatest(): Promise<void> {
    for (const node of this.host.nodes().filter((candidate) => candidate.state === 'online')) {
      const [newest] = await checkpointNames(node.store);
      if (!newest || parseCheckpointName(newest)!.sequence <= (this.latest?.sequence ?? 0)) continue;
      try {
        this.latest = await decodeCheckpoint(checkpointPieces(node.store, newest), async () => undefined);
        this.journalBytes += await this.bytesSince(node, this.latest.sequence);
      } catch (error) {
        if (!hasCode(error, 'CORRUPT')) throw error;
        this.host.report('warning', `${node.label}: the newest checkpoint is damaged; a new one is made`);
      }
    }
    this.isFound = true;
  }

  private async bytesSince(node: MaintenanceNode, sequence: number): Promise<number> {
    const files = await node.store.list('journal');
    const since = files.filter((file) => (parseJournalFileName(file.name)?.firstSequence ?? 0) > sequence);
    return since.reduce((sum, file) => sum + file.sizeBytes, 0);
  }

  /** What the gate refuses is only told: the state is saved all the same. */
  private async removeSuperseded(node: MaintenanceNode): Promise<void> {
    const names = await checkpointNames(node.store);
    const kept = names.slice(0, keptCheckpoints);
    if (kept.length < keptCheckpoints) return;
    const { sequence } = parseCheckpointName(kept.at(-1)!)!;
    const firsts = (await node.store.list('journal')).flatMap(({ name }) => {
      const first = parseJournalFileName(name)?.firstSequence;
      return first === undefined ? [] : [{ name, first }];
    });
    // A file ends where a later one begins; the last one may still grow. One that begins with the same batch is no later
    // one: an opening writes again what may not be durable.
    const journal = firsts
      .filter(({ first }) => firsts.some((other) => other.first > first && other.first <= sequence + 1))
      .map(({ name }) => name);
    try {
      await this.gate.removeSuperseded(node, { kept, checkpoints: names.slice(keptCheckpoints), journal });
    } catch (error) {
      if (!hasCode(error, 'GATE_REFUSED')) throw error;
      this.host.report('warning', `${error.message}; ${error.hint}`);
    }
  }
}

async function verify(store: NodeStore, expected: CheckpointHeader): Promise<void> {
  await decodeCheckpoint(checkpointPieces(store, formatCheckpointName(expected)), async () => undefined);
}
