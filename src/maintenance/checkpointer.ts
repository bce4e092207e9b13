/**
 * Writes the state of the index as a checkpoint to every node that is there, so that a rebuild need not replay the
 * whole journal. Two checkpoints are kept on each node, and the journal since the older one: what is older goes through
 * the gate, and only once the newer checkpoint lies on the node and was read back there.
 */
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import { Mutex } from '../core/mutex.js';
import { type CheckpointHeader, decodeCheckpoint, encodeCheckpoint } from '../meta/checkpoint-file.js';
import type { Tip } from '../meta/rows.js';
import { formatCheckpointName, parseCheckpointName } from '../segment/checkpoint-name.js';
import { parseJournalFileName } from '../segment/journal-file-name.js';
import { checkpointNames, checkpointPieces, filesHeldBy } from '../store/journal/node-checkpoints.js';
import type { NodeStore } from '../store/store-node.js';
import type { DeletionGate } from './deletion/deletion-gate.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

const keptCheckpoints = 2;
/** What lies with a node, and not with the index. */
const nodeFailures = ['CORRUPT', 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY', 'FILE_MISSING'] as const;

interface Written {
  readonly header: CheckpointHeader;
  readonly first: MaintenanceNode;
  readonly others: readonly MaintenanceNode[];
}

export class Checkpointer implements Worker {
  readonly name = 'checkpoint';
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private latest: CheckpointHeader | undefined;
  private journalBytes = 0;
  private isFound = false;
  private isDue = false;
  private readonly turns = new Mutex();

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

  step(): Promise<StepResult> {
    return this.turns.run(() => this.work());
  }

  /** Writes one now, in the place of what rotted: false when no node takes one. The errors of the last node; who asked asks again. */
  renew(): Promise<boolean> {
    return this.turns.run(async () => {
      this.isDue = true;
      try {
        return (await this.work()) === 'worked';
      } finally {
        this.isDue = false;
      }
    });
  }

  private async work(): Promise<StepResult> {
    if (!this.isFound) await this.findLatest();
    if (this.latest && !this.isDue && this.journalBytes < this.host.safety.checkpointAfterBytes) return 'idle';
    const nodes = this.host.nodes().filter((node) => node.state === 'online');
    if (nodes.length === 0) return 'idle';
    const bytesBefore = this.journalBytes;
    const { header, first, others } = await this.writeFirst(nodes);
    this.latest = header;
    this.journalBytes -= bytesBefore;
    await this.removeSuperseded(first);
    for (const node of others) await this.bring(header, first, node);
    return 'worked';
  }

  /** On the first node that takes it and gives it back as it was; the others are those not asked yet. Else the last one's error. */
  private async writeFirst(nodes: readonly MaintenanceNode[]): Promise<Written> {
    const failures: string[] = [];
    for (const [at, node] of nodes.entries()) {
      try {
        const header = await this.write(node, false);
        for (const failure of failures) this.host.report('warning', failure);
        return { header, first: node, others: nodes.slice(at + 1) };
      } catch (error) {
        if (at === nodes.length - 1 || !hasCode(error, ...nodeFailures)) throw error;
        failures.push(notWritten(node, error));
      }
    }
    throw new DriveError('UNAVAILABLE', { message: 'no node takes a checkpoint' });
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
      this.host.report('warning', notWritten(to, error));
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
        // A rotten digit may look like a newer format.
        if (!hasCode(error, 'CORRUPT', 'NEWER_FORMAT')) throw error;
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
    const journal = filesHeldBy(
      sequence,
      (await node.store.list('journal')).map(({ name }) => name),
    );
    try {
      await this.gate.removeSuperseded(node, { kept, checkpoints: names.slice(keptCheckpoints), journal });
    } catch (error) {
      if (!hasCode(error, 'GATE_REFUSED')) throw error;
      this.host.report('warning', `${error.message}; ${error.hint}`);
    }
  }
}

const notWritten = ({ label }: MaintenanceNode, error: unknown): string =>
  `${label}: the checkpoint could not be written: ${asDriveError(error).message}`;

async function verify(store: NodeStore, expected: CheckpointHeader): Promise<void> {
  await decodeCheckpoint(checkpointPieces(store, formatCheckpointName(expected)), async () => undefined);
}
