/**
 * Brings nodes (back) into service: a node's journal is compared with the history and caught up, its listing is compared
 * with the index, then it is welcomed. What fails is tried again; a node of another history is refused for good.
 */
import { hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import type { Mutex } from '../../core/mutex.js';
import type { Maintenance } from '../../maintenance/maintenance.js';
import type { Node } from '../../node/node.js';
import { isReadable, isWritable } from '../../node/node-state.js';
import type { VolumeEngine } from '../../volume/engine.js';
import { forkedReason, makeJournalCurrent } from '../../volume/history/node-return.js';
import type { DriveContext } from '../drive-context.js';
import type { DriveNodes } from '../drive-nodes.js';

export interface AdmissionHost {
  readonly context: DriveContext;
  readonly nodes: DriveNodes;
  /** Of everything that changes the engine: one after the other. */
  readonly turns: Mutex;
  /** undefined while no engine takes changes. */
  running(): { readonly engine: VolumeEngine; readonly maintenance: Maintenance } | undefined;
  isClosed(): boolean;
  warn(what: string, error: unknown): void;
}

const passingTrouble = ['NODE_GONE', 'NODE_IO', 'NODE_FULL', 'NODE_READ_ONLY', 'FILE_MISSING'] as const;

export class NodeAdmission {
  private readonly host: AdmissionHost;
  private readonly returning = new Map<NodeId, Promise<void>>();

  constructor(host: AdmissionHost) {
    this.host = host;
  }

  /** A node that just came (back), or whose journal fell behind. Never rejects: it is tried again. */
  async admit(node: Node): Promise<void> {
    if (this.host.isClosed()) return;
    const admission = this.returning.get(node.id) ?? this.admitNow(node);
    this.returning.set(node.id, admission);
    await admission;
  }

  /** At an opening, where one sick disk does not keep the others waiting; its space is known but where a probe failed. */
  async welcomeOrRetry(node: Node, maintenance: Maintenance): Promise<void> {
    try {
      if (!node.space) node.noteSpace(await node.store.probe());
      await welcome(node, maintenance);
    } catch (error) {
      if (!hasCode(error, ...passingTrouble)) throw error;
      this.retry(node);
    }
  }

  /** Nodes that are here and take no batches: behind at the opening, come while it ran, or failed without a word. */
  admitStragglers(): void {
    const running = this.host.running();
    if (!running) return;
    const { writeSet } = running.engine.history;
    for (const node of this.host.nodes.all) {
      const isHere = node.state === 'returning' || isWritable(node.state);
      if (isHere && writeSet.position(node.id) === undefined) void this.admit(node);
    }
  }

  /** A disk that is full, read-only or suspect is admitted when its state ends: a change of state leads here again. */
  retry(node: Node | undefined): void {
    const { clock, safety } = this.host.context;
    clock.schedule(safety.returnProbeIntervalMs, () => {
      const isHere = node?.state === 'returning' || node?.state === 'online';
      if (node && isHere && !this.host.isClosed()) void this.admit(node);
    });
  }

  private async admitNow(node: Node): Promise<void> {
    try {
      await this.host.turns.run(() => this.makeCurrent(node));
    } catch (error) {
      this.host.warn(`${node.label} could not be made current yet`, error);
      this.retry(node);
    } finally {
      this.returning.delete(node.id);
    }
  }

  private async makeCurrent(node: Node): Promise<void> {
    const running = this.host.running();
    if (!running || !isReadable(node.state)) return;
    const { engine, maintenance } = running;
    const host = { reader: engine.reader, committer: engine.committer, writeSet: engine.history.writeSet };
    let verdict = await makeJournalCurrent(host, node);
    if (verdict === 'far-behind') {
      const tip = await maintenance.checkpointer.giveTo(node);
      verdict = await makeJournalCurrent(host, node, tip.sequence);
    }
    if (verdict === 'forked') {
      node.refuse(forkedReason(node));
      return;
    }
    node.noteSpace(await node.store.probe());
    await welcome(node, maintenance);
    await engine.committer.refreshMembers();
    maintenance.onArrival(node.id);
  }
}

async function welcome(node: Node, maintenance: Maintenance): Promise<void> {
  await maintenance.compareCopies(node);
  node.welcome();
}
