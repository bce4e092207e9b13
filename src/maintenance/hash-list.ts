/**
 * Keeps `segments/SHA256SUMS` on each node: the hashes of its sealed segments in the format of sha256sum(1), so that
 * anyone can check a disk without this program (`cd segments && sha256sum -c SHA256SUMS`). Only a convenience: the
 * seals in the journal are what counts.
 */
import { createHash } from 'node:crypto';
import { hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import { Mutex } from '../core/mutex.js';
import { segmentFileName } from '../segment/segment-id.js';
import type { MaintenanceHost, MaintenanceNode } from './maintenance-host.js';
import type { StepResult, Worker } from './worker.js';

export const hashListName = 'SHA256SUMS';
/** Written at most this often: a busy drive seals several segments a second. */
const intervalMs = 60_000;
const pageSegments = 500;

export class HashList implements Worker {
  readonly name = 'hash-list';
  private readonly host: MaintenanceHost;
  private readonly written = new Map<NodeId, string>();
  private readonly turns = new Mutex();
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(host: MaintenanceHost) {
    this.host = host;
  }

  async step(): Promise<StepResult> {
    const now = this.host.clock.monotonic();
    if (now - this.lastMs < intervalMs) return 'idle';
    this.lastMs = now;
    for (const node of this.host.nodes()) if (node.state === 'online') await this.turns.run(() => this.write(node));
    return 'idle';
  }

  /** Whether the list that this program wrote is not what lies there: then it is written again. The errors of the node. */
  renew(node: MaintenanceNode): Promise<boolean> {
    return this.turns.run(async () => {
      const list = this.listFor(node);
      // Else it is about to be written anyway.
      if (this.written.get(node.id) !== digestOf(list) || (await isThere(node, list))) return false;
      await node.store.put('segments', hashListName, [list]);
      return true;
    });
  }

  private async write(node: MaintenanceNode): Promise<void> {
    const list = this.listFor(node);
    const digest = digestOf(list);
    if (this.written.get(node.id) === digest) return;
    await node.store.put('segments', hashListName, [list]);
    this.written.set(node.id, digest);
  }

  private listFor(node: MaintenanceNode): Buffer {
    const lines: string[] = [];
    for (let after = ''; ; ) {
      const page = this.host.reader.segments(after, pageSegments);
      for (const { id, hash, replicas } of page) {
        const isHere = replicas.some((replica) => replica.node === node.id && replica.state === 'good');
        if (hash !== null && isHere) lines.push(`${hash}  ${segmentFileName(id)}\n`);
      }
      if (page.length < pageSegments) break;
      after = page.at(-1)!.id;
    }
    return Buffer.from(lines.join(''));
  }
}

async function isThere({ store }: MaintenanceNode, list: Buffer): Promise<boolean> {
  try {
    return (await store.read('segments', hashListName, 0, list.length + 1, { cold: true })).equals(list);
  } catch (error) {
    if (!hasCode(error, 'FILE_MISSING')) throw error;
    return false;
  }
}

const digestOf = (list: Buffer): string => createHash('sha256').update(list).digest('hex');
