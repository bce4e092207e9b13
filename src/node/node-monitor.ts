/** Watches over all nodes of a volume: one keeper each, and one place to hear of changes. */
import type { Clock } from '../core/clock.js';
import type { NodeId } from '../core/ids.js';
import type { Node, NodeChange } from './node.js';
import { type KeeperSafety, NodeKeeper } from './node-keeper.js';
import { NodeWatcher, type NodeWatcherOptions } from './node-watcher.js';

export interface NodeMonitorOptions {
  readonly clock: Clock;
  readonly safety: KeeperSafety;
  /** What a person may want to know and no state says: one sentence. */
  readonly report: (message: string) => void;
  /** Default: chokidar. */
  readonly watch?: ((options: NodeWatcherOptions) => { close(): Promise<void> }) | undefined;
}

export class NodeMonitor {
  readonly #options: NodeMonitorOptions;
  readonly #kept = new Map<NodeId, { readonly keeper: NodeKeeper; readonly stopListening: () => void }>();
  readonly #changeListeners = new Set<(change: NodeChange) => void>();
  readonly #listingListeners = new Set<(node: Node) => void>();

  constructor(options: NodeMonitorOptions) {
    this.#options = options;
  }

  get nodes(): Node[] {
    return [...this.#kept.values()].map(({ keeper }) => keeper.node);
  }

  node(id: NodeId): Node | undefined {
    return this.#kept.get(id)?.keeper.node;
  }

  /** Begins to watch over the nodes; resolves when each was looked at once: 'returning' or away. */
  async add(...nodes: Node[]): Promise<void> {
    const {
      clock,
      safety,
      report,
      watch = (options: NodeWatcherOptions) => NodeWatcher.start(options),
    } = this.#options;
    await Promise.all(
      nodes.map((node) => {
        const stopListening = node.onChange((change) => {
          for (const listener of [...this.#changeListeners]) listener(change);
        });
        const onListingHint = () => {
          for (const listener of [...this.#listingListeners]) listener(node);
        };
        const askOthers = () => this.#askOthers(node);
        const keeper = new NodeKeeper({ node, clock, safety, watch, report, onListingHint, askOthers });
        this.#kept.set(node.id, { keeper, stopListening });
        return keeper.start();
      }),
    );
  }

  /** Forgets a node and closes its store. Nothing happens when it is not known. */
  async remove(id: NodeId): Promise<void> {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#kept.delete(id);
    const { keeper, stopListening } = kept;
    await keeper.close();
    stopListening();
    try {
      await keeper.node.store.close();
    } catch (error) {
      // Whatever was acknowledged is synced; a disk that hangs shall not keep the others from being closed.
      this.#options.report(`${keeper.node.label}: closing it failed (${String(error)})`);
    }
  }

  /** Probes one node (or all) soon: something outside gave reason to doubt. */
  probeSoon(id?: NodeId): void {
    for (const { keeper } of this.#kept.values()) if (id === undefined || keeper.node.id === id) keeper.probeSoon(0);
  }

  onChange(listener: (change: NodeChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  /** A node's folder of segments should be listed and compared. At least once a minute for each node that is present. */
  onListingHint(listener: (node: Node) => void): () => void {
    this.#listingListeners.add(listener);
    return () => void this.#listingListeners.delete(listener);
  }

  #askOthers(node: Node): () => boolean {
    const askedMs = this.#options.clock.monotonic();
    const others = [...this.#kept.values()].map(({ keeper }) => keeper).filter((keeper) => keeper.node !== node);
    for (const keeper of others) keeper.probeSoon(0);
    return () => others.some((keeper) => keeper.lastAnswer >= askedMs);
  }

  /** Stops all keepers, then closes the nodes' stores. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#kept.keys()].map((id) => this.remove(id)));
  }
}
