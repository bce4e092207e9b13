/** Undoes what a failed command made. Only ever given paths that the same command made a moment before. */
import { remove } from 'fs-extra/esm';

export async function removeMade(paths: readonly string[]): Promise<void> {
  for (const path of [...paths].reverse()) await remove(path);
}
