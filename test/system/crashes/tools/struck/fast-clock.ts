/**
 * A clock on which everything happens so many times faster, so that background work need not be waited for. What must
 * not get shorter with it (deadlines of disks) is made longer in `crashSafety`.
 */
import { type Clock, systemClock } from '../../../../../src/core/clock.js';
import { productionSafety, type SafetyParameters } from '../../../../../src/core/safety-parameters.js';

export const fastClock = (speed: number): Clock => ({
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * speed,
  sleep: (durationMs, options) => systemClock.sleep(durationMs / speed, options),
  schedule: (delayMs, callback) => systemClock.schedule(delayMs / speed, callback),
});

const MiB = 1024 * 1024;

/**
 * Small segments; disks are never given up for being slow; an absent node is not healed around. What was deleted goes at
 * once: on a busy machine a listing takes long, and twenty times as long it would rest. Probes are as rare as they really
 * are, so that they are not most of the calls that are struck.
 */
export const crashSafety = (speed: number): SafetyParameters => ({
  ...productionSafety,
  healGraceMs: 3_600_000 * speed,
  writeDeadlineMs: 120_000 * speed,
  readDeadlineMs: 60_000 * speed,
  silenceMs: 60_000 * speed,
  retryMs: 20_000 * speed,
  idleCloseMs: 3_600_000 * speed,
  segmentLimitBytes: 8 * MiB,
  probeIntervalMs: productionSafety.probeIntervalMs * speed,
  listingRest: 0,
  atticMs: 50,
  gateShare: 1,
});
