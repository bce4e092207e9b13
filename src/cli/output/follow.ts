/** Shows the progress of a long command while it runs, and takes the line away before anything else is said. */
import type { Following } from '../../drive-disks.js';
import type { CommandContext } from '../command-context.js';
import { ProgressLine } from './progress-line.js';

export async function followed<T>(
  { terminal, clock, stop }: CommandContext,
  work: (following: Required<Following>) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine({ sink: terminal.err, clock });
  try {
    return await work({ signal: stop, onProgress: progress.show });
  } finally {
    progress.end();
  }
}
