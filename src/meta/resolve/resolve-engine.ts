/** What the engine asks for itself: content ids, its own operations, pruning, retiring. */
import type { ContentId, EntryId, Operation } from '../operations.js';
import type { StoredContent } from '../tables/content-table.js';
import { chunksPerPrune } from './limits.js';
import type { RequestOf, Resolution, ResolveContext } from './resolve-context.js';

const contentsPerRead = 256;

export function resolveReserveContent(_request: RequestOf<'reserve-content'>, context: ResolveContext): Resolution {
  const content = context.nextContent();
  return { operations: [], result: () => ({ content }) };
}

export function resolveOperations(request: RequestOf<'operations'>): Resolution {
  return { operations: request.operations, result: () => ({}) };
}

export function resolveRetire(request: RequestOf<'retire'>, { tables }: ResolveContext): Resolution {
  const pinned = new Set(request.pinned);
  // A chunk whose place is not known may lie in any of them: on a node that was away when the index was made, say.
  const isCertain = tables.chunks.withoutPlace(1).length === 0;
  const retired = request.segments.filter((id) => {
    const segment = tables.segments.get(id);
    return isCertain && segment?.sealed === 1 && !pinned.has(id) && !tables.chunks.hasLiving(segment.number);
  });
  return {
    operations: retired.map((segment) => ({ o: 'retire', segment })),
    result: () => ({ retired }),
  };
}

/**
 * Ended rows are removed; of an ended folder the children are ended first, as rows of their own, so that a prune never
 * touches a living row. Then finished contents that nothing refers to.
 */
export function resolvePrune(request: RequestOf<'prune'>, context: ResolveContext): Resolution {
  const step = new PruneStep(request, context);
  step.takeEntries();
  step.takeContents();
  return { operations: step.operations(), result: () => ({ pruned: step.count }) };
}

class PruneStep {
  readonly #request: RequestOf<'prune'>;
  readonly #context: ResolveContext;
  readonly #pinned: ReadonlySet<ContentId>;
  readonly #ends: Operation[] = [];
  readonly #entries = new Set<EntryId>();
  readonly #contents: ContentId[] = [];
  /** References that the pruned rows give up. */
  readonly #released = new Map<ContentId, number>();
  #chunks = 0;

  constructor(request: RequestOf<'prune'>, context: ResolveContext) {
    this.#request = request;
    this.#context = context;
    this.#pinned = new Set(request.pinned);
  }

  get count(): number {
    return this.#ends.length + this.#entries.size + this.#contents.length;
  }

  operations(): Operation[] {
    const isEmpty = this.#entries.size === 0 && this.#contents.length === 0;
    const { before } = this.#request;
    const prune: Operation = { o: 'prune', entries: [...this.#entries], contents: this.#contents, before };
    return isEmpty ? this.#ends : [...this.#ends, prune];
  }

  takeEntries(): void {
    const { tables } = this.#context;
    const { limit, now, before } = this.#request;
    for (const row of tables.past.endedBefore(before, limit)) {
      const room = limit - this.#ends.length - this.#entries.size;
      if (room <= 0) return;
      const children = row.kind === 'folder' ? tables.entries.children(row.id, '', room) : [];
      for (const child of children) this.#ends.push({ o: 'end', id: child.id, time: Math.trunc(now) });
      if (children.length === room) return; // There may be more; the folder's own row waits for them.
      this.#entries.add(row.id);
      if (row.content !== null) this.#release(row.content);
    }
  }

  takeContents(): void {
    const { contents } = this.#context.tables;
    for (const id of this.#released.keys()) this.#takeContent(contents.get(id));
    let page = contents.withoutEntry(0, contentsPerRead);
    while (page.length > 0 && this.#hasRoom()) {
      for (const content of page) this.#takeContent(content);
      page = page.length < contentsPerRead ? [] : contents.withoutEntry(page.at(-1)!.id, contentsPerRead);
    }
  }

  #release(content: ContentId): void {
    this.#released.set(content, (this.#released.get(content) ?? 0) + 1);
  }

  #takeContent(content: StoredContent | undefined): void {
    if (content === undefined || !this.#hasRoom() || this.#pinned.has(content.id)) return;
    if (content.checksum === null) return; // Being uploaded; who gives an upload up prunes its content by name.
    // Rows of a pruned entry beyond the page just read are not counted here: their contents are taken next time.
    if (content.refs !== (this.#released.get(content.id) ?? 0)) return;
    this.#contents.push(content.id);
    this.#chunks += content.chunkCount;
  }

  #hasRoom(): boolean {
    return this.#contents.length < this.#request.limit && this.#chunks < chunksPerPrune;
  }
}
