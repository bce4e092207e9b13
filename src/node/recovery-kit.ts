/**
 * The recovery kit: a text for people, the description of the format, and a script that gets everything back without
 * this program. It lies on every node, in a folder below the one that bears the node's id. Nothing reads it here, and no
 * node is worse for lacking it.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCode } from '../core/errors.js';
import type { FileIo } from '../core/file-io.js';
import type { NodeId } from '../core/ids.js';
import { nodeFolderName } from './node-directory.js';
import { readPassport } from './passport.js';

export interface KitFile {
  readonly name: string;
  readonly content: Buffer;
}

export const recoveryFolder = 'recovery';
const kitLimitBytes = 1024 * 1024;
/** From dist/src/node up to the package. */
const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));
const sources = ['src/recovery/README.txt', 'src/recovery/recover.py', 'docs/format.md'];

/** FILE_MISSING when the package is not whole. */
export function loadRecoveryKit(fileIo: FileIo): Promise<KitFile[]> {
  return Promise.all(
    sources.map(async (source) => ({
      name: source.slice(source.lastIndexOf('/') + 1),
      content: await fileIo.readWhole(join(packageFolder, source), kitLimitBytes),
    })),
  );
}

/**
 * Writes what is missing or of another version, but nothing over a kit for a newer format, once the node's passport was
 * seen; the names of what was written. I/O errors as they come.
 */
export async function keepRecoveryKit(
  fileIo: FileIo,
  { path, id }: { readonly path: string; readonly id: NodeId },
  kit: readonly KitFile[],
): Promise<string[]> {
  const { passport } = await readPassport(fileIo, path);
  if (passport.node !== id) return [];
  const folder = join(path, nodeFolderName(id), recoveryFolder);
  if (!(await fileIo.stat(folder))) {
    await fileIo.makeFolder(folder);
    await fileIo.syncFolder(join(path, nodeFolderName(id)));
  }
  const script = kit.find(({ name }) => name === 'recover.py');
  // What a newer program left must not lose the script that can read it.
  if (script && (await formatThere(fileIo, folder, script.name)) > formatOf(script.content)) return [];
  const written: string[] = [];
  for (const file of kit) {
    if (await isCurrent(fileIo, folder, file)) continue;
    await replace(fileIo, folder, file);
    written.push(file.name);
  }
  return written;
}

/** The newest format that a script knows; 0 when it does not say. */
function formatOf(script: Buffer): number {
  return Number(/^KNOWN_FORMAT = (\d{1,9})$/m.exec(script.toString('utf8'))?.[1] ?? 0);
}

async function formatThere(fileIo: FileIo, folder: string, name: string): Promise<number> {
  try {
    return formatOf(await fileIo.readWhole(join(folder, name), kitLimitBytes));
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING', 'CORRUPT')) return 0;
    throw error;
  }
}

async function isCurrent(fileIo: FileIo, folder: string, { name, content }: KitFile): Promise<boolean> {
  try {
    return (await fileIo.readWhole(join(folder, name), kitLimitBytes)).equals(content);
  } catch (error) {
    if (hasCode(error, 'FILE_MISSING', 'CORRUPT')) return false;
    throw error;
  }
}

async function replace(fileIo: FileIo, folder: string, { name, content }: KitFile): Promise<void> {
  const temporary = join(folder, `${name}.tmp`);
  if (await fileIo.stat(temporary)) await fileIo.unlink(temporary);
  const file = await fileIo.open(temporary, 'create');
  try {
    await file.write([content], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileIo.rename(temporary, join(folder, name));
  await fileIo.syncFolder(folder);
}
