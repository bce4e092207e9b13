/** The journal and checkpoints of one node, read from its disk, and what is wrong with them. */
import { DriveError } from '../../core/errors.js';
import { parseCheckpointName } from '../../segment/checkpoint-name.js';
import type { JournalStore } from '../../store/journal/journal-reader.js';
import { isReadable } from '../../store/store-node.js';
import { type ExaminedHistory, examineHistory } from '../checking/history-examination.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { Pacer } from '../pacer.js';

export interface HistoryReading {
  readonly signal?: AbortSignal | undefined;
  readonly onRead?: ((bytes: number) => void) | undefined;
  /** Bytes a second; default: as fast as clients leave room. */
  readonly bytesPerSecond?: number | undefined;
}

/** `position`: the batch up to which the index counts on this node's journal. */
export type NodeHistory = ExaminedHistory & { readonly position: number };

export class HistoryReader {
  private readonly host: MaintenanceHost;
  private readonly pacer: Pacer;

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.pacer = new Pacer(host);
  }

  /** Nodes whose history can be read now. */
  readable(): MaintenanceNode[] {
    return this.host
      .nodes()
      .filter(
        ({ state, role }) => isReadable(state) && state !== 'suspect' && state !== 'returning' && role !== 'retired',
      );
  }

  /** From the disk, as slowly as told, and slower while clients are served. */
  coldStore({ id, store }: MaintenanceNode, { signal, onRead, bytesPerSecond }: HistoryReading): JournalStore {
    return {
      id,
      list: (folder) => store.list(folder),
      read: async (folder, name, position, lengthBytes) => {
        if (signal?.aborted) throw new DriveError('ABORTED');
        const bytes = await store.read(folder, name, position, lengthBytes, { cold: true });
        onRead?.(bytes.length);
        await this.pacer.pace();
        if (bytesPerSecond) await this.host.clock.sleep((bytes.length / bytesPerSecond) * 1_000, { signal });
        return bytes;
      },
    };
  }

  async examine(store: JournalStore): Promise<NodeHistory> {
    const { reader } = this.host;
    const position = reader.journaled().find(({ node }) => node === store.id)?.sequence ?? 0;
    return { ...(await examineHistory(store, { volume: reader.volume()?.id, everyFile: true })), position };
  }
}

export const isSound = ({ badCheckpoints, damagedFiles, reach, position }: NodeHistory): boolean =>
  badCheckpoints.length === 0 && damagedFiles.length === 0 && reach >= position;

/** Something of the history would be missed if this node alone were left. */
export const isMissed = ({ start, badCheckpoints, damagedFiles, reach, position }: NodeHistory): boolean =>
  reach < position ||
  damagedFiles.some(({ isHeld }) => !isHeld) ||
  badCheckpoints.some(({ name }) => parseCheckpointName(name)!.sequence > start.sequence);

/** The end of a sentence about the node. */
export const describeHistory = ({ badCheckpoints, damagedFiles, reach, position }: NodeHistory): string =>
  [
    ...badCheckpoints.map(({ name, problem }) => `its checkpoint ${name} ${problem}`),
    ...damagedFiles.map(({ name }) => `its journal file ${name} is damaged`),
    ...(reach < position ? [`its journal leads to batch ${reach} and not to ${position}`] : []),
  ].join(', ');
