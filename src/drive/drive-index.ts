/** The index file of a volume: opened when it can be used, made anew from the nodes when not. */
import { join } from 'node:path';
import { asDriveError, DriveError, hasCode } from '../core/errors.js';
import type { MetaStore, WalState } from '../meta/meta-store.js';
import { leaveMark, takeMark } from '../meta/sqlite/index-mark.js';
import { framesExpected, OpenMark } from '../meta/sqlite/open-mark.js';
import { openMetaStore } from '../meta/sqlite-meta-store.js';
import type { EngineNode } from '../volume/engine-node.js';
import type { DriveContext } from './drive-context.js';
import type { DriveEvents } from './drive-events.js';
import { indexName, rebuildInto } from './drive-rebuild.js';

export interface IndexPlace {
  readonly directory: string;
  readonly context: DriveContext;
  readonly events: DriveEvents;
}

/** Where an engine gets its index from: the file in the volume's directory, or what a test has in its place. */
export interface IndexSource {
  /** undefined when there is none that can be used. */
  open(): Promise<MetaStore | undefined>;
  rebuild(nodes: readonly EngineNode[]): Promise<MetaStore>;
  /** After it was closed in order. */
  onClosed?(): Promise<void>;
}

export function indexFileOf(place: IndexPlace, volume: string): IndexSource {
  return {
    open: () => openUsableIndex(place, volume),
    rebuild: (nodes) => rebuildIndexFile(place, nodes),
    onClosed: () => markClosed(place),
  };
}

/** Without a mark (a full disk, say) the next opening takes longer, and that is all. */
async function markClosed({ directory, context, events }: IndexPlace): Promise<void> {
  try {
    await leaveMark(context.fileIo, join(directory, indexName));
  } catch (error) {
    events.report('warning', `the index is not marked as closed in order: ${asDriveError(error).message}`);
  }
}

/** File I/O speaks of nodes; this is the volume's own directory. */
async function inDirectory<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!hasCode(cause, 'NODE_READ_ONLY', 'NODE_FULL', 'NODE_IO', 'NODE_GONE')) throw cause;
    throw new DriveError('UNAVAILABLE', {
      message: `the volume's directory cannot be used: ${asDriveError(cause).message}`,
      hint: 'see that there is room on its disk and that this program may write there',
      cause,
    });
  }
}

/** Without an open mark the next opening after a kill takes longer, and that is all. */
function openMarkOf({ directory, context: { fileIo }, events }: IndexPlace): (state: WalState) => void {
  const onTrouble = (error: Error) =>
    events.report('warning', `the index that is open is not marked: ${error.message}`);
  const mark = new OpenMark({ fileIo, file: join(directory, indexName), onTrouble });
  return (state) => mark.note(state);
}

function toVerify(left: 'untouched' | 'same' | 'unknown' | number): 'all' | 'later' | number | undefined {
  if (left === 'untouched') return 'later';
  if (left === 'unknown') return 'all';
  return left === 'same' ? undefined : left;
}

/** undefined when it is absent, empty, damaged, or of another volume. */
export async function openUsableIndex(
  { directory, context, events }: IndexPlace,
  volume: string,
): Promise<MetaStore | undefined> {
  const file = join(directory, indexName);
  if (!(await context.fileIo.stat(file))) return undefined;
  const left = await inDirectory(async () => {
    const found = await takeMark(context.fileIo, file);
    if (found !== 'changed') await context.fileIo.syncFolder(directory);
    return found === 'unknown' ? ((await framesExpected(context.fileIo, file)) ?? found) : found;
  });
  if (left === 'changed') {
    events.report('error', 'the index is not as it was left');
    return undefined;
  }
  let meta: MetaStore | undefined;
  try {
    meta = await openMetaStore({ file, verify: toVerify(left), onWal: openMarkOf({ directory, context, events }) });
    const found = meta.reader.tip() && meta.reader.volume();
    if (found?.id === volume) return meta;
    if (found) events.report('error', 'the index belongs to another volume');
  } catch (error) {
    // SQLite finds nonsense in damaged files that no code of its own says.
    if (!hasCode(error, 'CORRUPT', 'INTERNAL')) {
      await meta?.close();
      throw error;
    }
    events.report('error', `the index cannot be used: ${error.message}`);
  }
  await meta?.close();
  return undefined;
}

/**
 * What was there before is moved aside only when the new one is whole. Errors bear `details.indexIsGone`: without an
 * index the volume cannot be read either.
 */
export async function rebuildIndexFile(
  { directory, context, events }: IndexPlace,
  nodes: readonly EngineNode[],
): Promise<MetaStore> {
  try {
    const { files, sequence } = await rebuildInto({ directory, context, nodes });
    events.report('info', `the index was made anew from the nodes: ${files} files, as of change ${sequence}`);
  } catch (error) {
    const { code, message, details, hint } = asDriveError(error);
    throw new DriveError(code, { message, hint, cause: error, details: { ...details, indexIsGone: true } });
  }
  return openMetaStore({ file: join(directory, indexName), onWal: openMarkOf({ directory, context, events }) });
}
