/**
 * Copying: files share their content, dead properties are copied, DAV locks are not. A tree is built under the hidden
 * staging folder and attached by the last operation, so that it never shows in part, whatever steps a later version
 * builds it in. What is at the target ends first.
 */
import { DriveError } from '../../core/errors.js';
import { judgeConditions } from '../judge/conditions.js';
import { locateForChange, requireEntry, requireParent } from '../judge/located-path.js';
import { LockJudge } from '../judge/lock-judge.js';
import { nameKey } from '../name-key.js';
import { type EntryId, type Operation, stagingEntry } from '../operations.js';
import type { EntryRow } from '../rows.js';
import { type RequestOf, type Resolution, type ResolveContext, wholeTime } from './resolve-context.js';
import { allowTarget, endTarget, forbidden, refuseNonsense, refuseOverwrite } from './resolve-target.js';

const childrenPerRead = 1_000;

export function resolveCopy(request: RequestOf<'copy'>, context: ResolveContext): Resolution {
  const { tables } = context;
  const source = locateForChange(tables, request.path);
  const target = locateForChange(tables, request.target);
  const entry = requireEntry(source);
  if (target.entry?.id === entry.id) throw forbidden('an entry cannot be copied onto itself');
  const wholeTree = entry.kind === 'folder' && request.depth === 'infinity';
  refuseNonsense({ source, target, wholeTree });
  const parent = requireParent(target);
  const locks = new LockJudge(tables, request);
  judgeConditions({ tables, located: source, conditions: request.conditions, locks });
  refuseOverwrite(target, request.overwrite);
  allowTarget(target, locks);

  const time = wholeTime(request.now);
  const replaced = target.entry;
  const ending = endTarget(replaced, locks, time);
  const copier = new Copier(context, time);
  const id = copier.copy(entry, wholeTree ? { parent: stagingEntry } : { parent: parent.id, name: target.name });
  if (wholeTree) {
    copier.copyBelow(entry.id, id);
    copier.operations.push({ o: 'move', id, parent: parent.id, name: target.name, time });
  }
  if (request.modified !== undefined) {
    copier.operations.push({ o: 'times', id, created: null, modified: wholeTime(request.modified) });
  }
  return {
    operations: [...locks.endings, ...ending, ...copier.operations],
    result: () => ({
      created: replaced === undefined,
      entry: tables.entries.byId(id)!,
      // Settings are not copied: what lies below may have come under another one.
      ...(tables.protection.all().size > 0 && { needsChanged: true }),
      ...(replaced && { ended: [replaced.id] }),
    }),
  };
}

class Copier {
  readonly operations: Operation[] = [];
  readonly #context: ResolveContext;
  readonly #time: number;
  #copied = 0;
  #propertyLength = 0;

  constructor(context: ResolveContext, time: number) {
    this.#context = context;
    this.#time = time;
  }

  /** One entry alone. Without a name it gets one of its own, below the staging folder. */
  copy(entry: EntryRow, place: { readonly parent: EntryId; readonly name?: string }): EntryId {
    const { limits } = this.#context;
    this.#copied += 1;
    if (this.#copied > limits.entriesPerCopy) throw tooLarge(`at most ${limits.entriesPerCopy} entries`);
    const id = this.#context.nextEntry();
    const { kind, content } = entry;
    // The data of a file are as old as before; a folder's time is that of its last change, which is now.
    const modified = kind === 'file' ? entry.modified : this.#time;
    const { parent, name = String(id) } = place;
    this.operations.push({
      o: 'entry',
      id,
      parent,
      name,
      kind,
      content,
      created: this.#time,
      modified,
      time: this.#time,
    });
    this.#copyProperties(entry, id);
    return id;
  }

  /** Everything below a folder, level by level; reads the state before the copy, so it never meets itself. */
  copyBelow(source: EntryId, target: EntryId): void {
    const folders: (readonly [source: EntryId, target: EntryId])[] = [[source, target]];
    for (const [from, to] of folders) {
      for (const child of this.#children(from)) {
        const copied = this.copy(child, { parent: to, name: child.name });
        if (child.kind === 'folder') folders.push([child.id, copied]);
      }
    }
  }

  #copyProperties(source: EntryRow, target: EntryId): void {
    if (!source.hasProperties) return;
    const { tables, limits } = this.#context;
    for (const property of tables.properties.of(source.id)) {
      this.#propertyLength += property.value.length;
      if (this.#propertyLength > limits.propertyBytesPerCopy) throw tooLarge('less property text');
      this.operations.push({ o: 'property', entry: target, ...property });
    }
  }

  *#children(folder: EntryId): Generator<EntryRow> {
    const { entries } = this.#context.tables;
    let page = entries.children(folder, '', childrenPerRead);
    while (page.length > 0) {
      yield* page;
      page = page.length < childrenPerRead ? [] : entries.children(folder, nameKey(page.at(-1)!.name), childrenPerRead);
    }
  }
}

function tooLarge(what: string): DriveError {
  return new DriveError('LIMIT_EXCEEDED', {
    message: `a copy may hold ${what}`,
    hint: 'copy its folders one by one',
  });
}
