/**
 * Tests the invariants that need no data read: the index against itself, and the nodes' listings against the index.
 * Changes nothing.
 */
import type { MetaStore } from '../meta/meta-store.js';
import { isReadable } from '../node/node-state.js';
import { segmentFileName } from '../segment/segment-id.js';
import type { StoreNode } from '../store/store-node.js';

export interface CheckInput {
  readonly meta: MetaStore;
  readonly nodes: readonly (StoreNode & { readonly label: string })[];
  readonly replicas: number;
  /** Open segments have no fixed length yet. */
  readonly isOpen: (segment: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface CheckResult {
  readonly findings: string[];
  readonly degraded: string[];
  readonly checkedFiles: number;
  readonly checkedSegments: number;
}

/** Sentences of one kind beyond this many are only counted. */
const sentenceLimit = 100;
const pageSegments = 500;

export async function checkVolume(input: CheckInput): Promise<CheckResult> {
  const { meta, nodes, replicas } = input;
  const findings = await meta.check();
  const degraded: string[] = [];
  const listings = new Map<string, Map<string, number>>();
  for (const node of nodes) {
    if (!isReadable(node.state)) {
      if (node.role !== 'retired') degraded.push(`node ${node.label} is ${node.state}`);
      continue;
    }
    const files = await node.store.list('segments');
    listings.set(node.id, new Map(files.map((file) => [file.name, file.sizeBytes])));
  }
  let checkedSegments = 0;
  for (let after = ''; ; ) {
    if (input.signal?.aborted) break;
    const page = meta.reader.segments(after, pageSegments);
    for (const segment of page) {
      checkedSegments += 1;
      if (segment.state === 'open' || input.isOpen(segment.id)) continue;
      let good = 0;
      for (const { node, state } of segment.replicas) {
        const size = listings.get(node)?.get(segmentFileName(segment.id));
        if (state === 'good' && size !== undefined && size >= segment.lengthBytes) good += 1;
      }
      if (good === 0 && segment.liveBytes > 0)
        findings.push(`segment ${segment.id} has no good copy on a node that is here`);
      else if (good < replicas) degraded.push(`segment ${segment.id} has ${good} of ${replicas} copies`);
    }
    if (page.length < pageSegments) break;
    after = page.at(-1)!.id;
  }
  return {
    findings: bounded(findings),
    degraded: bounded(degraded),
    checkedFiles: meta.reader.counts().files,
    checkedSegments,
  };
}

function bounded(sentences: string[]): string[] {
  if (sentences.length <= sentenceLimit) return sentences;
  return [...sentences.slice(0, sentenceLimit), `and ${sentences.length - sentenceLimit} more`];
}
