/**
 * SQLite as the Node that runs this can load it. Version 13 of better-sqlite3 asks for Node-API 10 (Node 22.14), and a Node
 * that does not have it ends with a segmentation fault; version 12 makes Node from 24.19 on abort when a statement is
 * collected. So both are there, and npm leaves out the newer one where Node is too old for it.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type BetterSqlite3 from 'better-sqlite3';
import { DriveError } from '../../core/errors.js';

const isNew = Number(process.versions.napi) >= 10;

export const sqlitePackage = isNew ? 'better-sqlite3-napi' : 'better-sqlite3';

export const Database = loadBinding() as typeof BetterSqlite3;

/** TOOL_MISSING where packages were installed by a Node that needs the other version. */
function loadBinding(): unknown {
  try {
    return createRequire(import.meta.url)(sqlitePackage);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    const folder = fileURLToPath(new URL('../../../../', import.meta.url));
    throw new DriveError('TOOL_MISSING', {
      message: `SQLite for Node ${process.versions.node} is not installed: another Node installed the packages`,
      hint: `run "npm ci" in ${folder} with this Node`,
      cause: error,
    });
  }
}

/**
 * What a lone surrogate, which is no UTF-8, is when it is read: the older version stores three bytes and takes each for a
 * replacement character, the newer one stores a replacement character.
 */
export const storedSurrogate = '\ufffd'.repeat(isNew ? 1 : 3);
