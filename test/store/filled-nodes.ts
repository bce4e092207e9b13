/** Nodes as figures: filled by `place`, healed as `forecastLoss` heals. */
import { availableBytes, type CapacityRequest } from '../../src/store/capacity.js';
import { type ForecastNode, forecastLoss, type LossForecast, putOn } from '../../src/store/loss-forecast.js';
import { place } from '../../src/store/placement.js';

export interface NodeFigures {
  /** In segments. */
  readonly size: number;
  readonly group?: string;
  readonly weight?: number;
  readonly fileSystem?: string;
}

export interface StoredSegment {
  readonly id: string;
  readonly lengthBytes: number;
  readonly replicas: { node: string; state: string }[];
}

export const segmentBytes = 1000;
export const segmentId = (index: number) => `0123456789abcdef-${index.toString(16).padStart(8, '0')}`;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class FilledNodes {
  readonly nodes: Mutable<ForecastNode & { readonly fileSystem: string }>[] = [];
  readonly segments: StoredSegment[] = [];
  readonly copies: number;

  constructor(figures: readonly NodeFigures[], copies: number) {
    this.copies = copies;
    for (const node of figures) this.join(node);
  }

  join({ size, group, weight = 1, fileSystem }: NodeFigures): void {
    const id = `n${this.nodes.length}`;
    const freeBytes = size * segmentBytes;
    this.nodes.push({
      id,
      group: group ?? id,
      weight,
      fileSystem: fileSystem ?? id,
      usedBytes: 0,
      openBytes: 0,
      freeBytes,
      sizeBytes: freeBytes,
      writable: true,
      readable: true,
    });
    const sharers = (wanted: string) => this.nodes.filter((node) => node.fileSystem === wanted);
    for (const node of this.nodes) {
      const all = sharers(node.fileSystem);
      node.freeBytes = Math.min(...all.map((other) => other.freeBytes));
      node.sizeBytes = node.usedBytes + node.freeBytes / all.length;
    }
  }

  get storedBytes(): number {
    return this.segments.length * segmentBytes;
  }

  get capacity(): CapacityRequest {
    const { copies, storedBytes, nodes } = this;
    return { copies, storedBytes, nodes, reserveBytes: segmentBytes };
  }

  /** False when there is no room for all copies. */
  store(): boolean {
    const { nodes, copies } = this;
    const id = segmentId(this.segments.length);
    const chosen = place({ segment: id, copies, nodes, segmentBytes, reserveBytes: 0 });
    if (chosen.length < copies) return false;
    for (const node of chosen) putOn(nodes, node, segmentBytes);
    this.segments.push({
      id,
      lengthBytes: segmentBytes,
      replicas: chosen.map((node) => ({ node, state: 'good' })),
    });
    return true;
  }

  /** What must be healed: a group or file system after which enough of them stay, or a folder of the only one. */
  losses(): string[][] {
    const by = (key: 'group' | 'fileSystem' | 'id') => {
      const names = [...new Set(this.nodes.map((node) => node[key]))];
      return names.map((name) => this.nodes.filter((node) => node[key] === name).map(({ id }) => id));
    };
    const all =
      by('fileSystem').length > 1 ? [...(by('group').length > 1 ? by('group') : []), ...by('fileSystem')] : by('id');
    const key = by('group').length >= this.copies ? 'group' : 'id';
    return all.filter((lost) => {
      const left = this.nodes.filter(({ id }) => !lost.includes(id));
      return this.copies > 1 && new Set(left.map((node) => node[key])).size >= this.copies;
    });
  }

  /**
   * As the drive does: until the figure, which keeps back one segment on each node beside the reserve (of nothing here),
   * says that nothing more fits.
   */
  fill(): void {
    while (availableBytes(this.capacity) >= segmentBytes && this.store());
  }

  lose(...lost: string[]): LossForecast {
    const { nodes, segments, copies } = this;
    return forecastLoss({ segments, nodes, lost, wantedCopies: () => copies, reserveBytes: 0 });
  }
}
