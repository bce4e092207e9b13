/**
 * `/`: the list of volumes, as a volume that only can be looked at. Clients that climb up from a mounted drive (Windows
 * asks for every ancestor) find folders with ordinary answers; changing anything here is FORBIDDEN.
 */
import { DriveError } from '../core/errors.js';
import type {
  ContentReader,
  EntryPath,
  EntryRow,
  LockRow,
  PropertyRow,
  SpaceReport,
  Volume,
} from '../volume/volume.js';

const rootRow: EntryRow = {
  id: 1,
  parent: 0,
  name: '',
  kind: 'folder',
  content: null,
  sizeBytes: 0,
  etag: '',
  created: 0,
  modified: 0,
  born: 0,
  hasProperties: false,
};

export class VolumeList implements Volume {
  readonly id = '';
  readonly name = '';
  /** At least one. */
  readonly volumes: readonly Volume[];

  constructor(volumes: readonly Volume[]) {
    this.volumes = volumes;
  }

  async stat(path: EntryPath): Promise<EntryRow | undefined> {
    if (path.length > 0) return undefined;
    const rows = await this.#rows();
    const times = rows.map(({ created }) => created);
    return { ...rootRow, created: Math.min(...times), modified: Math.max(...times) };
  }

  async spelling(path: EntryPath): Promise<EntryPath> {
    return path;
  }

  async *list(): AsyncGenerator<EntryRow[]> {
    yield await this.#rows();
  }

  async space(): Promise<SpaceReport> {
    const reports = await Promise.all(this.volumes.map((volume) => volume.space()));
    return {
      availableBytes: reports.reduce((sum, { availableBytes }) => sum + availableBytes, 0),
      usedBytes: reports.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    };
  }

  async properties(): Promise<PropertyRow[]> {
    return [];
  }

  async locks(): Promise<LockRow[]> {
    return [];
  }

  async verify(_path: EntryPath, { forWriting }: { readonly forWriting: boolean }): Promise<void> {
    if (forWriting) throw new DriveError('FORBIDDEN');
  }

  async open(path: EntryPath): Promise<ContentReader> {
    throw new DriveError(path.length === 0 ? 'IS_FOLDER' : 'NOT_FOUND');
  }

  readonly upload = refuse;
  readonly put = refuse;
  readonly amend = refuse;
  readonly makeFolder = refuse;
  readonly delete = refuse;
  readonly move = refuse;
  readonly copy = refuse;
  readonly setProperties = refuse;
  readonly lock = refuse;
  readonly refreshLock = refuse;
  readonly unlock = refuse;

  async #rows(): Promise<EntryRow[]> {
    const rows = await Promise.all(
      this.volumes.map(async (volume) => ({ row: await volume.stat([]), name: volume.name })),
    );
    return rows.map(({ row, name }) => ({ ...(row ?? rootRow), name, hasProperties: false }));
  }
}

export function isVolumeList(volume: Volume): volume is VolumeList {
  return volume instanceof VolumeList;
}

async function refuse(): Promise<never> {
  throw new DriveError('FORBIDDEN', { message: 'only volumes live here; choose one of them' });
}
