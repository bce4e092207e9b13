/**
 * One process opens a volume. Two locks are held as long as it does: one in the volume's directory, and one for the
 * volume's id on this machine, because a copied or rebuilt directory would lead to the same nodes.
 */
import { join } from 'node:path';
import { acquireVolumeLock } from '../meta/volume-lock.js';
import type { DriveContext } from './drive-context.js';

export const lockName = 'volume.lock';

export interface HeldVolume {
  close(): Promise<void>;
}

/** IN_USE when another process has it. */
export async function holdVolume({ platform }: DriveContext, directory: string, volume: string): Promise<HeldVolume> {
  const own = acquireVolumeLock(join(directory, lockName));
  try {
    const machine = acquireVolumeLock(join(platform.machineLockFolder, `holdfast-${volume}.lock`));
    return {
      close: async () => {
        machine.release();
        own.release();
      },
    };
  } catch (error) {
    own.release();
    throw error;
  }
}
