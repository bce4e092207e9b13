/**
 * Tests the invariants that need no data read: the index against itself, and the nodes' listings against the index.
 * Changes nothing.
 */
import { DriveError, hasCode } from '../core/errors.js';
import type { NodeId } from '../core/ids.js';
import type { Progress } from '../core/progress.js';
import type { MetaStore } from '../meta/meta-store.js';
import type { SegmentRow } from '../meta/rows.js';
import { parseSegmentId, segmentFileName, segmentOfFileName } from '../segment/segment-id.js';
import { countsAsCopy, isReadable, type StoreNode } from '../store/store-node.js';
import type { VolumeCheckReport } from './checking/check-report.js';

type CheckedNode = StoreNode & { readonly label: string };

export interface CheckInput {
  readonly meta: MetaStore;
  readonly nodes: readonly CheckedNode[];
  /** Open segments have no fixed length yet. */
  readonly isOpen: (segment: string) => boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Sentences of one kind beyond this many are only counted. */
const sentenceLimit = 100;
const pageSegments = 500;

type Listings = ReadonlyMap<CheckedNode, ReadonlyMap<string, number>>;

export async function checkVolume(input: CheckInput): Promise<VolumeCheckReport> {
  const { meta, signal, onProgress } = input;
  const findings = await meta.check({ signal, onProgress });
  const degraded: string[] = [];
  const listings = await listAll(input.nodes, degraded);
  const total = meta.reader.counts().segments;
  const strays = new Strays(input, listings);
  const elsewhere = new Set(input.nodes.filter((node) => !countsAsCopy(node)).map(({ id }) => id));
  let checkedSegments = 0;
  for (let after = ''; ; ) {
    if (signal?.aborted) throw new DriveError('ABORTED');
    const page = meta.reader.segments(after, pageSegments);
    for (const segment of page) {
      checkedSegments += 1;
      strays.see(segment);
      // What nothing refers to is about to be retired.
      if (segment.state === 'open' || segment.liveBytes === 0 || input.isOpen(segment.id)) continue;
      const { good, away } = await countCopies(segment, listings, elsewhere);
      if (good >= segment.wanted) continue;
      // It may have been moved or retired since the page was read.
      const now = meta.reader.segment(segment.id);
      if (!now || now.replicas.some(({ node }) => !segment.replicas.some((replica) => replica.node === node))) continue;
      if (good + away > 0) degraded.push(`segment ${segment.id} has ${good} of ${segment.wanted} copies`);
      else findings.push(`segment ${segment.id} has no good copy left`);
    }
    onProgress?.({ phase: 'comparing copies', done: checkedSegments, total, unit: 'segments' });
    if (page.length < pageSegments) break;
    after = page.at(-1)!.id;
  }
  return {
    findings: bounded(findings),
    degraded: bounded(degraded),
    notes: strays.notes(),
    checkedFiles: meta.reader.counts().files,
    checkedSegments,
  };
}

/** Nodes that are away, and those that leave meanwhile, are told as degraded. */
async function listAll(nodes: readonly CheckedNode[], degraded: string[]): Promise<Listings> {
  const listings = new Map<CheckedNode, Map<string, number>>();
  for (const node of nodes) {
    // Where a node that is away on purpose is, is nobody's concern.
    if (node.role === 'retired' || (node.role === 'away' && !isReadable(node.state))) continue;
    try {
      if (!isReadable(node.state)) throw new Error(node.state);
      const files = await node.store.list('segments');
      listings.set(node, new Map(files.map((file) => [file.name, file.sizeBytes])));
    } catch (error) {
      if (isReadable(node.state) && !hasCode(error, 'NODE_GONE', 'NODE_IO')) throw error;
      degraded.push(`node ${node.label} is ${isReadable(node.state) ? 'not answering' : node.state}`);
    }
  }
  return listings;
}

/** What lies on nodes without need, and copies that one accident could take together. Nothing of it is wrong. */
class Strays {
  private readonly input: CheckInput;
  private readonly listings: Listings;
  private readonly unknown = new Map<CheckedNode, Set<string>>();
  private sameGroup = 0;
  private longer = 0;

  constructor(input: CheckInput, listings: Listings) {
    this.input = input;
    this.listings = listings;
    for (const [node, files] of listings) {
      this.unknown.set(node, new Set([...files.keys()].filter((name) => segmentOfFileName(name) !== undefined)));
    }
  }

  see({ id, state, lengthBytes, replicas }: SegmentRow): void {
    const name = segmentFileName(id);
    for (const [node, files] of this.listings) {
      if (!replicas.some((replica) => replica.node === node.id)) continue;
      this.unknown.get(node)!.delete(name);
      if (state === 'sealed' && (files.get(name) ?? 0) > lengthBytes) this.longer += 1;
    }
    const { nodes } = this.input;
    const groups = new Set(nodes.filter(({ role }) => role === 'active').map(({ group }) => group));
    const holders = nodes.filter((node) => replicas.some((replica) => replica.node === node.id));
    const used = new Set(holders.map(({ group }) => group));
    if (state === 'sealed' && used.size < Math.min(holders.length, groups.size)) this.sameGroup += 1;
  }

  notes(): string[] {
    const notes: string[] = [];
    const epochs = new Set(this.input.meta.reader.epochs().map(({ id }) => id));
    for (const [{ label }, names] of this.unknown) {
      const segments = [...names].map((name) => segmentOfFileName(name)!);
      const foreign = segments.filter((id) => !epochs.has(parseSegmentId(id).epoch)).length;
      const rest = segments.length - foreign;
      if (rest > 0)
        notes.push(`node ${label}: ${rest} segment file(s) wait for the gate: the index does not place them there`);
      if (foreign > 0)
        notes.push(`node ${label}: ${foreign} segment file(s) are of another history; nothing touches them`);
    }
    if (this.longer > 0) notes.push(`${this.longer} copies are longer than their segment; what lies behind is cut`);
    if (this.sameGroup > 0) {
      notes.push(`${this.sameGroup} segments have copies in one failure group although there are others`);
    }
    return notes;
  }
}

/** `away`: copies on nodes that could not be listed, and those on nodes that lie `elsewhere` on purpose. */
async function countCopies(
  segment: SegmentRow,
  listings: Listings,
  elsewhere: ReadonlySet<NodeId>,
): Promise<{ good: number; away: number }> {
  let good = 0;
  let away = 0;
  for (const { node: id, state } of segment.replicas) {
    const [node, files] = [...listings].find(([candidate]) => candidate.id === id) ?? [];
    if (state !== 'good') continue;
    if (!node || !files || elsewhere.has(id)) away += 1;
    else if ((files.get(segmentFileName(segment.id)) ?? 0) >= segment.lengthBytes) good += 1;
    else if (await isWholeNow(node, segment)) good += 1;
  }
  return { good, away };
}

/** The listing may be older than the copy. */
async function isWholeNow({ store }: CheckedNode, { id, lengthBytes }: SegmentRow): Promise<boolean> {
  try {
    return (await store.read('segments', segmentFileName(id), lengthBytes - 1, 1)).length === 1;
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING', 'NODE_GONE', 'NODE_IO')) return false;
    throw error;
  }
}

export function bounded(sentences: readonly string[]): string[] {
  if (sentences.length <= sentenceLimit) return [...sentences];
  return [...sentences.slice(0, sentenceLimit), `and ${sentences.length - sentenceLimit} more`];
}
