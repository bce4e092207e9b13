/** Something else that fills a node's disk and takes whatever room is made on it: the drive gives back its attic then. */
import { appendFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const blocks = [1024 * 1024, 4096].map((bytes) => Buffer.alloc(bytes));
const againMs = 200;
const fillers = new Map<string, Filler>();

interface Filler {
  isOn: boolean;
  work: Promise<void>;
}

/** Resolves when the disk mounted at `path` is full for the first time. */
export async function fillUp(path: string): Promise<void> {
  const { dev } = await stat(path);
  const filler: Filler = { isOn: true, work: Promise.resolve() };
  const film = join(path, 'films');
  const fill = async () => {
    for (const block of blocks) {
      // Never into a bare mount point.
      while (filler.isOn && (await stat(path)).dev === dev && (await appended(film, block)));
    }
    const again = () => {
      if (filler.isOn) filler.work = fill().catch(() => undefined);
    };
    setTimeout(again, againMs).unref();
  };
  fillers.set(path, filler);
  await fill();
}

export async function makeRoom(path: string): Promise<void> {
  const filler = fillers.get(path);
  fillers.delete(path);
  if (filler) filler.isOn = false;
  await filler?.work;
  await rm(join(path, 'films'));
}

/** False when there is no room. */
async function appended(file: string, bytes: Buffer): Promise<boolean> {
  try {
    await appendFile(file, bytes);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
