/** Undoes what a failed command made. Only ever given paths that the same command made a moment before. */
import { rm } from 'node:fs/promises';

export async function removeMade(paths: readonly string[]): Promise<void> {
  for (const path of [...paths].reverse()) await rm(path, { recursive: true, force: true });
}
