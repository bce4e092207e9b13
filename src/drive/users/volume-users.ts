/** Who may use the volume: kept in the index and, as operations, on the nodes. */
import type { Clock } from '../../core/clock.js';
import type { DriveUser, DriveUsers, UserChange } from '../../drive-contract.js';
import { askIndex } from '../../meta/meta-store.js';
import type { VolumeEngine } from '../../volume/engine.js';

export class VolumeUsers implements DriveUsers {
  readonly #engine: () => Promise<VolumeEngine>;
  readonly #clock: Clock;

  constructor(engine: () => Promise<VolumeEngine>, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  list(): Promise<readonly DriveUser[]> {
    return askIndex(this.#engine, ({ reader }) => reader.users());
  }

  named(name: string): Promise<DriveUser | undefined> {
    return askIndex(this.#engine, ({ reader }) => reader.user(name));
  }

  async change(change: UserChange): Promise<void> {
    const engine = await this.#engine();
    await engine.change({ kind: 'set-user', principal: '', now: this.#clock.now(), ...change }, []);
  }
}
