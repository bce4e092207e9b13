/** Who may import whom, as the table of the tree says, and which packages belong to which folder. */

/** Folder (or group of files) of src -> what it may import besides itself. Everything may use what stands here only. */
export const layers: Readonly<Record<string, readonly string[]>> = {
  launch: ['main'],
  main: ['cli', 'drive', 'server', 'core'],
  index: ['drive', 'webdav', 'core'],
  cli: ['drive', 'server', 'access', 'config', 'core'],
  server: ['webdav', 'api', 'access', 'http', 'drive', 'core'],
  webdav: ['volume', 'http', 'core'],
  access: ['core'],
  api: ['volume', 'maintenance', 'http', 'core'],
  drive: ['volume', 'maintenance', 'meta', 'store', 'node', 'segment', 'config', 'core'],
  volume: ['meta', 'store', 'segment', 'core'],
  maintenance: ['meta', 'store', 'segment', 'core'],
  meta: ['segment', 'core'],
  store: ['node', 'segment', 'core'],
  node: ['segment', 'core'],
  segment: ['core'],
  config: ['core'],
  http: ['core'],
  core: [],
};

/** Package or module -> layers or files that may name it. What is not listed may be used anywhere. */
export const owners: Readonly<Record<string, readonly string[]>> = {
  'better-sqlite3': ['meta'],
  'webdav-server': ['webdav', 'server'],
  chokidar: ['node'],
  commander: ['cli'],
  selfsigned: ['config'],
  'bonjour-service': ['server'],
  'fs-extra': ['config', 'cli'],
  'node:fs': ['src/core/system-file-io.ts', 'config', 'cli', 'main'],
  'node:fs/promises': ['config', 'cli'],
  'node:timers': [],
  'node:timers/promises': [],
};

/** The layer of a file below src: its folder, or the group of root files that it belongs to. */
export function layerOf(file: string): string | undefined {
  const parts = file.split('/').slice(1);
  if (parts.length > 1) return parts[0]! in layers ? parts[0] : undefined;
  const stem = parts[0]!.replace(/\.c?ts$/, '');
  if (stem === 'drive' || stem.startsWith('drive-')) return 'drive';
  return ['launch', 'main', 'index'].includes(stem) ? stem : undefined;
}
