/** What every test of a real client stands on: one volume, its server, and the traffic between client and server. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { DavClient } from '../../tools/dav-client.js';
import { type DriveServer, mustBeSound } from '../../tools/drive-server.js';
import { TestVolume } from '../../tools/test-volume.js';
import { Workspace } from '../../tools/workspace.js';
import { Traffic } from './traffic.js';

export class ClientDrive {
  readonly workspace: Workspace;
  readonly volume: TestVolume;
  readonly server: DriveServer;
  readonly traffic: Traffic;
  /** Looks at the drive past the client under test. */
  readonly witness: DavClient;

  private constructor(workspace: Workspace, volume: TestVolume, server: DriveServer, traffic: Traffic) {
    this.workspace = workspace;
    this.volume = volume;
    this.server = server;
    this.traffic = traffic;
    this.witness = new DavClient(server.url);
  }

  /** Everything is gone again after the test. */
  static async open(context: TestContext): Promise<ClientDrive> {
    const workspace = await Workspace.create(context);
    const volume = await TestVolume.inFolders(workspace);
    const server = await volume.serve();
    return new ClientDrive(workspace, volume, server, await Traffic.record(workspace, server.url));
  }

  /** Where the client under test connects to; with a slash at the end. */
  get url(): string {
    return this.traffic.url;
  }

  /** What the server holds at a path, as text; undefined when nothing is there. */
  async textOf(path: string): Promise<string | undefined> {
    return (await this.witness.get(path))?.toString();
  }

  /** The last step of each test: no answer was an error of the server, and the volume is sound. */
  async mustHaveServedWell(): Promise<void> {
    assert.deepEqual(this.traffic.troubles(), []);
    await this.mustBeSound();
  }

  async mustBeSound(): Promise<void> {
    await mustBeSound(this.volume.directory);
    await this.server.stop();
  }
}
