/** The real system that `mount` and `unmount` look at and run recipes on. */
import { spawn } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { DriveError } from '../core/errors.js';
import type { HostSystem } from './command-context.js';

/** Where administration tools lie that are often not on a person's search path. */
const adminFolders = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

export function systemHost(options: { readonly searchPath: string; readonly recipeFolder: string }): HostSystem {
  const folders = [...options.searchPath.split(delimiter).filter((folder) => folder !== ''), ...adminFolders];
  return {
    isRoot: process.getuid?.() === 0,
    homeFolder: homedir(),
    recipeFolder: options.recipeFolder,
    hasProgram: async (name) => {
      const found = await Promise.all(folders.map((folder) => isAccessible(join(folder, name), constants.X_OK)));
      return found.includes(true);
    },
    hasFile: (path) => isAccessible(path, constants.F_OK),
    readMountTable: () => readFile('/proc/self/mounts', 'utf8'),
    run,
  };
}

function isAccessible(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

function run(command: string, parameters: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { stdio: 'inherit' });
    child.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new DriveError('TOOL_MISSING', {
          message: `${command} cannot be run (${cause.code ?? cause.message})`,
          hint: `install ${command}, or mount the drive by hand as README.md says`,
          cause,
        }),
      );
    });
    child.once('close', (code) => resolve(code ?? 1));
  });
}
