/**
 * Loaded into the server by --import: how long its event loop stood still. For each SIGUSR2 one line goes to stdout, with
 * the longest time since the one before. Nothing else about the server changes.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const resolutionMs = 2;

if (isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  process.on('SIGUSR2', () => {
    const stallMs = Math.max(0, delays.max / 1e6 - resolutionMs);
    delays.reset();
    process.stdout.write(`stall ${stallMs.toFixed(2)}\n`);
  });
}
