/** Disks of a stated size: free space is what the files of a node's folder leave of it. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileIo, SpaceInfo } from '../../src/core/file-io.js';
import { systemFileIo } from '../../src/core/system-file-io.js';

export interface SmallDisks {
  readonly fileIo: FileIo;
  /** By the end of a node's path; others are as large as the disk below. */
  readonly sizes: Map<string, number>;
}

export function smallDisks(): SmallDisks {
  const sizes = new Map<string, number>();
  const space = async (path: string): Promise<SpaceInfo> => {
    const totalBytes = [...sizes].find(([end]) => path.endsWith(end))?.[1];
    if (totalBytes === undefined) return systemFileIo.space(path);
    return { totalBytes, freeBytes: Math.max(0, totalBytes - (await usedBytes(path))), freeInodes: 100_000 };
  };
  const fileIo = new Proxy(systemFileIo, {
    get: (target, key) => {
      if (key === 'space') return space;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { fileIo, sizes };
}

async function usedBytes(path: string): Promise<number> {
  let sum = 0;
  for (const item of await readdir(path, { withFileTypes: true })) {
    const child = join(path, item.name);
    if (item.isDirectory()) sum += await usedBytes(child);
    else sum += (await stat(child).catch(() => undefined))?.size ?? 0;
  }
  return sum;
}
