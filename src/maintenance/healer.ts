/**
 * Makes segments whole again: a copy that is missing, short or damaged on a node that is there is written anew from
 * verified ones; a copy on a node that stays away longer than the grace is made on another node. Fewest good copies
 * first. What fails is parked with its reason and tried again later; it never stops the others.
 */
import { asDriveError, hasCode } from '../core/errors.js';
import type { NodeId, SegmentId } from '../core/ids.js';
import type { SegmentRow } from '../meta/rows.js';
import { isReadable } from '../node/node-state.js';
import { place } from '../store/placement.js';
import { copySegment, verifyReplica } from '../store/read/segment-copy.js';
import { takesNewData } from '../store/store-node.js';
import type { DeletionGate } from './deletion-gate.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

export interface HealStatus {
  readonly active: boolean;
  readonly queuedSegments: number;
  readonly healedSegments: number;
  readonly copiedBytes: number;
  /** Milliseconds until the grace of an absent node is over; null when nothing waits for that. */
  readonly startsInMs: number | null;
  readonly parked: readonly { readonly segment: SegmentId; readonly reason: string }[];
}

const parkMs = 30_000;
const lookAhead = 64;

export class Healer implements Worker {
  readonly name = 'heal';
  private readonly host: MaintenanceHost;
  private readonly gate: DeletionGate;
  private readonly parked = new Map<SegmentId, { until: number; reason: string }>();
  private active = false;
  private queued = 0;
  private healed = 0;
  private copiedBytes = 0;

  constructor(host: MaintenanceHost, gate: DeletionGate) {
    this.host = host;
    this.gate = gate;
  }

  status(): HealStatus {
    return {
      active: this.active,
      queuedSegments: this.queued,
      healedSegments: this.healed,
      copiedBytes: this.copiedBytes,
      startsInMs: this.graceLeftMs(),
      parked: [...this.parked].map(([segment, { reason }]) => ({ segment, reason })),
    };
  }

  async step(signal: AbortSignal): Promise<StepResult> {
    const now = this.host.clock.monotonic();
    for (const [segment, { until }] of this.parked) if (until <= now) this.parked.delete(segment);
    const rows = this.host.reader
      .degraded({ wanted: this.host.replicas, absent: this.absentBeyondGrace(), limit: lookAhead + this.parked.size })
      .filter((row) => row.state === 'sealed' && !this.parked.has(row.id));
    this.queued = rows.length;
    for (const row of rows) {
      if (this.host.isInUse(row.id) && this.host.segments.openSegments().some((open) => open.segment === row.id))
        continue;
      if (await this.tryHeal(row, signal)) return 'worked';
    }
    this.active = false;
    return 'idle';
  }

  /** False when nothing can be done for it now. */
  private async tryHeal(row: SegmentRow, signal: AbortSignal): Promise<boolean> {
    const release = this.host.occupy(row.id);
    try {
      const done = (await this.repairInPlace(row, signal)) || (await this.copyElsewhere(row, signal));
      if (!done) return false;
      this.active = true;
      this.healed += 1;
      return true;
    } catch (error) {
      if (hasCode(error, 'ABORTED', 'CLOSED')) throw error;
      const { message } = asDriveError(error);
      this.parked.set(row.id, { until: this.host.clock.monotonic() + parkMs, reason: message });
      this.host.report('warning', `segment ${row.id} could not be healed now: ${message}`);
      return true;
    } finally {
      release();
    }
  }

  /** The first copy that is bad on a node that is there: verified (it may have come back whole), else written anew. */
  private async repairInPlace(row: SegmentRow, signal: AbortSignal): Promise<boolean> {
    const bad = row.replicas.find((replica) => replica.state !== 'good' && this.nodeOf(replica.node, takesNewData));
    const node = bad && this.nodeOf(bad.node, takesNewData);
    if (!bad || !node) return false;
    const check = { segment: row.id, lengthBytes: row.lengthBytes, hash: row.hash, signal };
    const state = await verifyReplica({ ...check, node });
    if (state !== 'good') {
      const sources = this.goodSources(row, node.id);
      if (sources.length === 0) return false;
      if (state !== 'missing') await this.gate.quarantine(node, row.id);
      this.copiedBytes += await copySegment({ ...check, from: sources, to: node, onBadCopy: () => undefined });
    }
    await this.host.withWriter((writer) =>
      writer.setReplicaStates([{ segment: row.id, node: node.id, state: 'good' }]),
    );
    return true;
  }

  private async copyElsewhere(row: SegmentRow, signal: AbortSignal): Promise<boolean> {
    const holders = row.replicas.map((replica) => replica.node);
    const sources = this.goodSources(row, undefined);
    const here = sources.map((source) => source.id);
    if (sources.length === 0 || here.length >= this.host.replicas) return false;
    // A disk that is briefly away brings its copy back: copying it meanwhile would only have to be undone.
    if (holders.some((id) => this.isBrieflyAway(id))) return false;
    const target = this.chooseTarget(row, holders, here);
    if (!target) return false;
    this.copiedBytes += await copySegment({
      segment: row.id,
      lengthBytes: row.lengthBytes,
      hash: row.hash,
      from: sources,
      to: target,
      signal,
      onBadCopy: () => undefined,
    });
    const operations = [{ o: 'relocate', segment: row.id, nodes: [...here, target.id] }] as const;
    await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });
    await this.host.withWriter((writer) =>
      writer.setReplicaStates([{ segment: row.id, node: target.id, state: 'good' }]),
    );
    return true;
  }

  private chooseTarget(
    row: SegmentRow,
    holders: readonly NodeId[],
    here: readonly NodeId[],
  ): MaintenanceNode | undefined {
    const { reserveBytes } = this.host.segments.limits();
    const used = new Map(this.host.reader.nodes().map((node) => [node.id, node.usedBytes]));
    const groups = new Set(here.map((id) => this.nodeOf(id)?.group));
    const candidates = this.host.nodes().filter((node) => takesNewData(node) && !holders.includes(node.id));
    const nodes = candidates.map((node) => ({
      id: node.id,
      group: node.group,
      weight: node.weight,
      usedBytes: used.get(node.id) ?? 0,
      openBytes: 0,
      freeBytes: node.space?.freeBytes ?? 0,
      writable: true,
    }));
    const request = { segment: row.id, copies: 1, segmentBytes: row.lengthBytes, reserveBytes };
    const elsewhere = place({ ...request, nodes: nodes.filter((node) => !groups.has(node.group)) });
    const [chosen] = elsewhere.length > 0 ? elsewhere : place({ ...request, nodes });
    return candidates.find((node) => node.id === chosen);
  }

  private goodSources(row: SegmentRow, except: NodeId | undefined): MaintenanceNode[] {
    return row.replicas
      .filter((replica) => replica.state === 'good' && replica.node !== except)
      .map((replica) => this.nodeOf(replica.node, (node) => isReadable(node.state)))
      .filter((node) => node !== undefined);
  }

  private nodeOf(id: NodeId, condition: (node: MaintenanceNode) => boolean = () => true): MaintenanceNode | undefined {
    return this.host.nodes().find((node) => node.id === id && condition(node));
  }

  private isBrieflyAway(id: NodeId): boolean {
    const node = this.nodeOf(id);
    return node !== undefined && !isReadable(node.state) && !this.absentBeyondGrace().includes(id);
  }

  private absentBeyondGrace(): NodeId[] {
    const now = this.host.clock.now();
    return this.host
      .nodes()
      .filter(
        (node) =>
          node.role === 'retired' || (!isReadable(node.state) && now - node.since >= this.host.safety.healGraceMs),
      )
      .map((node) => node.id);
  }

  private graceLeftMs(): number | null {
    const now = this.host.clock.now();
    const waits = this.host
      .nodes()
      .filter((node) => node.role !== 'retired' && !isReadable(node.state))
      .map((node) => this.host.safety.healGraceMs - (now - node.since))
      .filter((leftMs) => leftMs > 0);
    return waits.length > 0 ? Math.min(...waits) : null;
  }
}
