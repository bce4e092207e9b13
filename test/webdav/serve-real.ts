/** The server over a real index and nodes in memory; closed, and checked, when the test ends. */
import type { TestContext } from 'node:test';
import { startServer } from '../../src/server/start-server.js';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import type { Volume } from '../../src/volume/volume.js';
import { TestVolume } from '../volume/volume-fixture.js';
import { type Answer, type Sent, send, serve } from './dav-client.js';

export interface AnyServer {
  readonly volume: Volume;
  readonly port: number;
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
}

export async function serveReal(t: TestContext): Promise<AnyServer & { readonly drive: TestVolume }> {
  const drive = await TestVolume.create(t);
  const { clock, random } = drive;
  const volume = new DriveVolume({ id: '0', name: 'home', engine: async () => drive.engine, clock, random });
  const server = await startServer({ volumes: [volume], port: 0 });
  t.after(() => server.close());
  const { port } = server.address;
  return { drive, volume, port, send: (method, path, sent) => send(port, method, path, sent) };
}

/** What must hold for the protocol layer alone must hold with the real parts below. */
export const everyServer: readonly (readonly [name: string, serve: (t: TestContext) => Promise<AnyServer>])[] = [
  ['a volume in memory', serve],
  ['a real index', serveReal],
];
