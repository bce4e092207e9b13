#!/usr/bin/env node
/**
 * The program's entry. Runs before anything of ours or native is loaded: an older Node gets a sentence instead of a
 * syntax error or a crash, so this file keeps to syntax that old versions can parse.
 */
const required = [20, 20];
const running = process.versions.node.split('.').map(Number);

function isOlder(): boolean {
  const major = running[0] as number;
  const minor = running[1] as number;
  return major < required[0]! || (major === required[0] && minor < required[1]!);
}

if (isOlder()) {
  process.stderr.write(
    `holdfast needs Node ${required.join('.')} or newer; this is ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer one from https://nodejs.org or your package manager, then try again.\n',
  );
  process.exitCode = 1;
} else {
  // A disk that hangs keeps up to ten threads of the pool; with the default of four one disk would freeze everything.
  // Idle threads cost next to nothing. Has to be set before the pool is first used: loading an ES module uses it.
  if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = '64';
  // Some 20 MiB live for long; by default V8 lets as much garbage as three times that gather beside them.
  require('node:v8').setFlagsFromString('--heap-growing-percent=40');
  void import('./main.js');
}
