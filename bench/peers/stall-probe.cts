/**
 * Loaded into the server by --require, which leaves the thread pool unused before the server sets its size: how long its
 * event loop stood still. For each SIGUSR2 one line goes to stdout, with the longest time since the one before. Nothing
 * else about the server changes.
 */
import perfHooks = require('node:perf_hooks');
import workerThreads = require('node:worker_threads');

const resolutionMs = 2;

if (workerThreads.isMainThread) {
  const delays = perfHooks.monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  process.on('SIGUSR2', () => {
    const stallMs = Math.max(0, delays.max / 1e6 - resolutionMs);
    delays.reset();
    process.stdout.write(`stall ${stallMs.toFixed(2)}\n`);
  });
}
