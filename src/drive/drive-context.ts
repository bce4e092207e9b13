/** What the composition root works with: passed in whole, so that tests and simulations replace any of it. */
import type { Clock } from '../core/clock.js';
import { systemClock } from '../core/clock.js';
import type { FileIo } from '../core/file-io.js';
import { type Platform, systemPlatform } from '../core/platform.js';
import { type Random, systemRandom } from '../core/random.js';
import { productionSafety, type SafetyParameters } from '../core/safety-parameters.js';
import { systemFileIo } from '../core/system-file-io.js';
import { type KitFile, loadRecoveryKit } from '../node/recovery-kit.js';

export interface DriveContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly fileIo: FileIo;
  readonly platform: Platform;
  readonly safety: SafetyParameters;
  /** What every node is given; absent: none is. */
  readonly recoveryKit?: (() => Promise<readonly KitFile[]>) | undefined;
}

export const systemContext: DriveContext = {
  clock: systemClock,
  random: systemRandom,
  fileIo: systemFileIo,
  platform: systemPlatform,
  safety: productionSafety,
  recoveryKit: () => loadRecoveryKit(systemFileIo),
};
