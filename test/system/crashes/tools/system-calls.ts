/** Reads a trace of strace: the calls that change something below given folders, by the names that the fault shim uses. */

const changing: Readonly<Record<string, string>> = {
  write: 'write',
  pwrite64: 'write',
  writev: 'write',
  pwritev: 'write',
  pwritev2: 'write',
  fsync: 'fsync',
  fdatasync: 'fsync',
  ftruncate: 'truncate',
  fallocate: 'allocate',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  link: 'link',
  linkat: 'link',
  unlink: 'unlink',
  mkdir: 'mkdir',
  mkdirat: 'mkdir',
  rmdir: 'rmdir',
  copy_file_range: 'copy',
  sendfile: 'copy',
  fchown: 'owner',
};

const harmless: ReadonlySet<string> = new Set([
  ...['read', 'pread64', 'readv', 'preadv', 'close', 'lseek', 'fcntl', 'flock', 'getdents64', 'ioctl', 'fadvise64'],
  ...['stat', 'lstat', 'fstat', 'newfstatat', 'statx', 'access', 'faccessat', 'faccessat2', 'readlink', 'readlinkat'],
  ...['statfs', 'fstatfs', 'inotify_add_watch', 'inotify_rm_watch', 'mmap', 'munmap', 'execve'],
]);

/** How often each kind of change was made; a call of which nobody knows whether it changes anything has its own name. */
export function changesIn(trace: string, folders: readonly string[]): Record<string, number> {
  return countOf(
    trace.split('\n').flatMap((line) => {
      const [, call, words] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
      if (call === undefined || !folders.some((folder) => words!.includes(folder))) return [];
      if (call === 'openat' || call === 'open') return /O_CREAT|O_TRUNC/.test(words!) ? ['open'] : [];
      if (call === 'unlinkat') return [words!.includes('AT_REMOVEDIR') ? 'rmdir' : 'unlink'];
      return harmless.has(call) ? [] : [changing[call] ?? `unknown ${call}`];
    }),
  );
}

export function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
