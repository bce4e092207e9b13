/** The nodes of a drive: opened from what the index and volume.json say, watched over by one monitor. */
import { withDeadline } from '../core/deadline.js';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import type { NodeRow } from '../meta/rows.js';
import { DirectoryNodeStore } from '../node/directory-node-store.js';
import { Node } from '../node/node.js';
import { NodeMonitor, type NodeMonitorOptions } from '../node/node-monitor.js';
import { isReadable } from '../node/node-state.js';
import { keepRecoveryKit } from '../node/recovery-kit.js';
import type { DriveContext } from './drive-context.js';

export type NodeToOpen = Pick<NodeRow, 'id' | 'label' | 'group' | 'weight' | 'role' | 'path'>;

export class DriveNodes {
  readonly monitor: NodeMonitor;
  private readonly context: DriveContext;
  private readonly volume: string;
  private readonly report: (message: string) => void;
  private readonly kits: Promise<unknown>[] = [];

  /** `watch`: default as in NodeMonitor. */
  constructor(
    context: DriveContext,
    { volume, report, watch }: { volume: string } & Pick<NodeMonitorOptions, 'report' | 'watch'>,
  ) {
    this.context = context;
    this.volume = volume;
    this.report = report;
    this.monitor = new NodeMonitor({ clock: context.clock, safety: context.safety, report, watch });
  }

  get all(): readonly Node[] {
    return this.monitor.nodes;
  }

  get present(): readonly Node[] {
    return this.all.filter((node) => isReadable(node.state));
  }

  get(id: NodeId): Node | undefined {
    return this.monitor.node(id);
  }

  /** Resolves when each was looked at once, and the space of those that are there is known. */
  async open(rows: readonly NodeToOpen[]): Promise<void> {
    const { clock, fileIo, safety } = this.context;
    const nodes: Node[] = [];
    for (const { id, ...description } of rows) {
      const { path } = description;
      const store = await DirectoryNodeStore.open({ path, id, volume: this.volume, fileIo, clock, safety });
      nodes.push(new Node({ store, clock, ...description }));
    }
    await this.monitor.add(...nodes);
    const present = nodes.filter((node) => isReadable(node.state));
    await Promise.all(present.filter(({ space }) => space === undefined).map((node) => this.measure(node)));
    // Only the closing waits for it.
    this.kits.push(...present.map((node) => this.keepKit(node)));
  }

  async close(): Promise<void> {
    await Promise.all(this.kits);
    await this.monitor.close();
  }

  /** Files of its recovery kit that were missing or not as they should be, and were written again. */
  async renewKit(id: NodeId): Promise<readonly string[]> {
    await Promise.all(this.kits);
    const node = this.get(id);
    return node ? this.keepKit(node) : [];
  }

  private async keepKit(node: Node): Promise<readonly string[]> {
    const { fileIo, clock, safety, recoveryKit } = this.context;
    if (!recoveryKit) return [];
    try {
      return await withDeadline(keepRecoveryKit(fileIo, node, await recoveryKit()), safety.writeDeadlineMs, clock, {
        missed: () => new DriveError('NODE_IO', { message: 'the disk does not answer' }),
        late: () => undefined,
      });
    } catch (error) {
      this.report(`${node.label}: its recovery kit could not be written: ${asDriveError(error).message}`);
      return [];
    }
  }

  /** The first probe: before it nothing is placed on the node. A failure is judged by the node itself. */
  private async measure(node: Node): Promise<void> {
    try {
      node.noteSpace(await node.store.probe());
    } catch (error) {
      if (!hasCode(error, 'NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY')) throw error;
    }
  }
}
