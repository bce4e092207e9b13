/**
 * The attics of the nodes: the last place of a file before it is unlinked. Files come here through the gate only, and
 * may go back (attic-restorer.ts). What waited long enough is unlinked, or the oldest first when room is needed; but not
 * what may still be needed (attic-guard.ts): that stays, whatever the room, and is told.
 */
import { DriveError, hasCode } from '../../core/errors.js';
import type { NodeId } from '../../core/ids.js';
import { segmentOfFileName } from '../../segment/segment-id.js';
import { isReadable, type StoredFile } from '../../store/store-node.js';
import type { MaintenanceHost, MaintenanceNode } from '../maintenance-host.js';
import { AtticGuard } from './attic-guard.js';
import { type AtticName, type AtticReason, formatAtticName, parseAtticName } from './attic-name.js';
import type { AtticFile, AtticListing } from './attic-report.js';

/** A file in an attic; `was` is undefined for a file that this program did not put there. */
export interface WaitingFile extends StoredFile {
  readonly was: AtticName | undefined;
}

export class Attic {
  private readonly host: MaintenanceHost;
  private readonly guard: AtticGuard;
  private readonly waitingBytes = new Map<NodeId, number>();
  private readonly told = new Map<NodeId, string>();

  constructor(host: MaintenanceHost) {
    this.host = host;
    this.guard = new AtticGuard(host);
  }

  /** Bytes that are given back when room is needed: they count as free. */
  bytes(node: NodeId): number {
    return this.waitingBytes.get(node) ?? 0;
  }

  /** Oldest first, files of others last. */
  async list(node: MaintenanceNode): Promise<WaitingFile[]> {
    const files = (await node.store.list('attic')).map((file) => ({ ...file, was: parseAtticName(file.name) }));
    const timeOf = ({ was }: WaitingFile) => was?.time ?? Number.MAX_SAFE_INTEGER;
    return files.sort((a, b) => timeOf(a) - timeOf(b) || (a.name < b.name ? -1 : 1));
  }

  /** All that lie on nodes that are here. */
  async listAll(): Promise<AtticListing> {
    const files: AtticFile[] = [];
    const missingNodes: string[] = [];
    this.guard.lookAgain();
    for (const node of this.host.nodes().filter(({ role }) => role !== 'retired')) {
      try {
        if (!isReadable(node.state)) throw new DriveError('NODE_GONE');
        for (const file of await this.list(node)) files.push(await this.describe(node, file));
      } catch (error) {
        if (!hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
        missingNodes.push(node.label);
      }
    }
    return { files, missingNodes };
  }

  private async describe(node: MaintenanceNode, file: WaitingFile): Promise<AtticFile> {
    const { name, sizeBytes, was } = file;
    const held = (await this.guard.reasonToHold(node, file)) ?? null;
    return {
      node: node.label,
      file: name,
      folder: was?.folder ?? null,
      segment: was?.folder === 'segments' ? (segmentOfFileName(was.name) ?? null) : null,
      reason: was?.reason ?? null,
      movedAt: was?.time ?? null,
      sizeBytes,
      unlinkedFrom: was && held === null ? was.time + this.host.safety.atticMs : null,
      held,
    };
  }

  /** Only the gate and the restorer call this. */
  async take(
    node: MaintenanceNode,
    { folder, reason, file }: { folder: AtticName['folder']; reason: AtticReason; file: StoredFile },
  ): Promise<void> {
    const time = this.host.clock.now();
    await node.store.move(folder, file.name, 'attic', formatAtticName({ time, folder, reason, name: file.name }));
    this.waitingBytes.set(node.id, this.bytes(node.id) + file.sizeBytes);
  }

  /** Puts a file back where it came from. EXISTS when something lies there: nothing is overwritten. */
  async giveBack(node: MaintenanceNode, file: WaitingFile): Promise<void> {
    const { folder, name } = file.was!;
    await node.store.move('attic', file.name, folder, name);
    this.waitingBytes.set(node.id, Math.max(0, this.bytes(node.id) - file.sizeBytes));
  }

  /** Unlinks what waited long enough, or, when room is needed, the oldest first until `neededBytes` are free. Returns the bytes. */
  async empty(node: MaintenanceNode, neededBytes: number): Promise<number> {
    const now = this.host.clock.now();
    const files = await this.list(node);
    let restBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let freedBytes = 0;
    const held: string[] = [];
    this.waitingBytes.set(node.id, restBytes);
    this.guard.lookAgain();
    for (const file of files) {
      const isOld = now - (file.was?.time ?? now) >= this.host.safety.atticMs;
      if (!isOld && freedBytes >= neededBytes) break;
      const reason = await this.guard.reasonToHold(node, file);
      if (reason === undefined) {
        await node.store.remove('attic', file.name);
        freedBytes += file.sizeBytes;
      } else held.push(reason);
      restBytes -= file.sizeBytes;
      this.waitingBytes.set(node.id, restBytes);
    }
    this.tell(node, held);
    return freedBytes;
  }

  /** Once for each new reason. */
  private tell(node: MaintenanceNode, held: readonly string[]): void {
    const [reason] = held;
    if (reason === this.told.get(node.id)) return;
    if (reason === undefined) this.told.delete(node.id);
    else {
      this.told.set(node.id, reason);
      this.host.report(
        'error',
        `${node.label}: ${held.length} file(s) stay in the attic, whatever the room: ${reason}`,
      );
    }
  }
}
