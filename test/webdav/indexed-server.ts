/**
 * The protocol over the real volume: its index in SQLite, its committer and readers, three nodes in memory that can be
 * told to fail, and a clock that stands still until it is moved. At the end `check` must find nothing.
 */
import type { TestContext } from 'node:test';
import type { StartServerOptions } from '../../src/server/start-server.js';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import { TestVolume } from '../volume/volume-fixture.js';
import { serveVolume, type TestServer } from './dav-client.js';

export interface IndexedServer extends TestServer<DriveVolume> {
  readonly drive: TestVolume;
}

export interface IndexedOptions {
  /** The listener's time limits follow the drive's clock, too. */
  readonly sharesClock?: boolean;
  /** Awaited before each use of the volume's engine, as while it is opened again. */
  readonly reopening?: () => Promise<void>;
}

export async function serveIndexed(
  t: TestContext,
  options: Partial<StartServerOptions> & IndexedOptions = {},
): Promise<IndexedServer> {
  // Hooks run in the order of their making: the server ends before the volume.
  let close = async (): Promise<void> => {};
  t.after(() => close());
  const drive = await TestVolume.create(t);
  const { sharesClock, reopening, ...rest } = options;
  const { clock, random } = drive;
  const engine = async () => {
    await reopening?.();
    return drive.engine;
  };
  const volume = new DriveVolume({ id: '0', name: 'home', engine, clock, random });
  const served = await serveVolume(volume, { ...(sharesClock && { clock }), ...rest });
  close = () => served.server.close();
  return { ...served, drive };
}
