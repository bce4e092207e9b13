/**
 * Why a node is away, as its operator said: it may be gone until a time (a maintenance window), or it shall not be waited
 * for. A window ends with the node's return, or when its time is over; "do not wait" ends with the return.
 */
import type { Clock } from '../../core/clock.js';
import type { NodeId } from '../../core/ids.js';
import type { Absence } from '../../maintenance/healing/grace.js';
import type { OperatorSettings } from './operator-settings.js';

export class Absences {
  private readonly clock: Clock;
  private readonly settings: OperatorSettings;
  private readonly waived = new Set<NodeId>();
  private readonly left = new Set<NodeId>();

  constructor(clock: Clock, settings: OperatorSettings) {
    this.clock = clock;
    this.settings = settings;
  }

  of(node: NodeId): Absence {
    if (this.windowOf(node) !== undefined) return 'excused';
    return this.waived.has(node) ? 'given-up' : 'unexplained';
  }

  /** Until when it may be gone; undefined without a window. */
  windowOf(node: NodeId): number | undefined {
    const until = this.settings.current.windows[node];
    return until !== undefined && until > this.clock.now() ? until : undefined;
  }

  async openWindow(nodes: readonly NodeId[], until: number): Promise<void> {
    for (const node of nodes) this.waived.delete(node);
    const opened = Object.fromEntries(nodes.map((node) => [node, until]));
    await this.settings.change({ windows: { ...this.settings.current.windows, ...opened } });
  }

  /** They are not waited for any more. */
  async giveUp(nodes: readonly NodeId[]): Promise<void> {
    for (const node of nodes) this.waived.add(node);
    await this.closeWindows(nodes);
  }

  /** It was seen leaving, or was not here when the volume was opened. */
  noteLeft(node: NodeId): void {
    this.left.add(node);
  }

  hasLeft(node: NodeId): boolean {
    return this.left.has(node);
  }

  /** The node is here and current; true when it had left: then what was said of its absence is over. */
  async noteReturn(node: NodeId): Promise<boolean> {
    this.waived.delete(node);
    if (!this.left.delete(node)) return false;
    await this.closeWindows([node]);
    return true;
  }

  /** Windows whose time is over, which are closed by this. */
  async closeEnded(): Promise<NodeId[]> {
    const ended = Object.keys(this.settings.current.windows).filter((node) => this.windowOf(node) === undefined);
    await this.closeWindows(ended);
    return ended;
  }

  /** As if none had been opened. */
  async closeWindows(nodes: readonly NodeId[]): Promise<void> {
    const { windows } = this.settings.current;
    const kept = Object.entries(windows).filter(([node]) => !nodes.includes(node));
    if (kept.length === Object.keys(windows).length) return;
    await this.settings.change({ windows: Object.fromEntries(kept) });
  }
}
