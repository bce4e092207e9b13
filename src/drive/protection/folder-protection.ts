/** How many copies folders want: kept in the index and, as operations, on the nodes. */
import type { Clock } from '../../core/clock.js';
import type { FolderSetting, ProtectionCommands, ProtectionReport } from '../../drive-contract.js';
import { askIndex } from '../../meta/meta-store.js';
import type { VolumeEngine } from '../../volume/engine.js';

export class FolderProtection implements ProtectionCommands {
  readonly #engine: () => Promise<VolumeEngine>;
  readonly #clock: Clock;

  constructor(engine: () => Promise<VolumeEngine>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  list(): Promise<ProtectionReport> {
    return askIndex(this.#engine, ({ reader }) => ({
      replicas: reader.volume()!.replicas,
      nodes: reader.nodes().filter(({ role }) => role === 'active').length,
      folders: reader
        .protections()
        .map(({ path, replicas }) => ({ folder: asText(path), replicas }))
        .sort((a, b) => (a.folder < b.folder ? -1 : 1)),
    }));
  }

  async set({ folder, replicas }: FolderSetting): Promise<void> {
    const path = folder.split('/').filter((name) => name !== '');
    const engine = await this.#engine();
    await engine.change({ kind: 'protect', principal: '', now: this.#clock.now(), path, replicas }, []);
  }
}

export const asText = (path: readonly string[]): string => `/${path.join('/')}`;
