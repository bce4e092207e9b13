/**
 * Genuine fsync failures: a disk that promised more room than it has. After the first failed fsync the system's memory
 * shows what the disk does not hold, and later fsyncs succeed. What was acknowledged must be there after the disk was
 * mended and everything is read cold, also when another disk is away.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ThinDisk } from './blocks/tools/thin-disk.js';
import { DavClient } from './tools/dav-client.js';
import { DriveServer, driveStatus, mustBeSound, mustHoldfast, waitUntilWhole } from './tools/drive-server.js';
import { LoopDisk } from './tools/loop-disk.js';
import { GiB, KiB, loopDiskTools, MiB, missing } from './tools/requirements.js';
import { contentOf } from './tools/seeded.js';
import { waitUntil } from './tools/wait.js';
import { dropCaches, Workspace } from './tools/workspace.js';

const options = {
  skip: missing({ tools: [...loopDiskTools, 'e2fsck', 'sysctl'], root: true, freeBytes: GiB }),
  timeout: 1_500_000,
};
const diskBytes = 256 * MiB;

for (const journal of ['none', 'small'] as const) {
  const fileSystem = journal === 'none' ? 'ext4 without a journal' : 'ext4';

  test(`fsync fails on a node (${fileSystem}): the others go on, and nothing is lost`, options, async (context) => {
    const sick = await begin(context, 'node-1', journal);
    await sick.save(6, MiB);
    await sick.thin.runDry(3 * MiB);
    await sick.save(24, MiB);
    assert.deepEqual(sick.refused, []);
    await sick.mustHaveNoticed();
    await sick.mustHold();
    await sick.mendCold();
    // Without a journal the file system itself may lose what was synced long before.
    if (journal === 'small') for (const away of sick.healthyNodes) await sick.mustHoldWithout(away);
    await sick.mustBecomeWhole();
  });

  test(
    `fsync fails on the index (${fileSystem}): it is not believed, and nothing is lost`,
    options,
    async (context) => {
      const sick = await begin(context, 'index', journal);
      await sick.save(50, 100);
      await sick.thin.runDry(256 * KiB);
      await sick.save(200, 100);
      assert.ok(sick.refused.length > 0, 'changes are taken although the index cannot follow');
      await sick.mustHoldOrRefuse();
      // As a person would, who reads the message and makes room while the drive runs.
      await sick.thin.giveRoom();
      await sick.save(50, 100);
      await sick.mustHoldOrRefuse();
      await sick.mendCold();
      await sick.mustBecomeWhole();
    },
  );
}

async function begin(context: TestContext, sickName: string, journal: 'none' | 'small'): Promise<SickDrive> {
  const workspace = await Workspace.create(context);
  const thin = await ThinDisk.create(workspace, sickName, journal);
  const names = ['index', 'node-1', 'node-2', 'node-3'].filter((name) => name !== sickName);
  const others: LoopDisk[] = [];
  for (const name of names) others.push(await LoopDisk.create(workspace, name, diskBytes));
  const directory = join(workspace.path, 'index', 'volume');
  const nodes = ['node-1', 'node-2', 'node-3'].flatMap((name) => ['--node', join(workspace.path, name)]);
  await mustHoldfast('init', directory, ...nodes, '--replicas', '2', '--name', 'drive');
  const drive = new SickDrive(workspace, directory, thin, others);
  await drive.serve(600);
  return drive;
}

class SickDrive {
  readonly directory: string;
  readonly thin: ThinDisk;
  readonly healthyNodes: readonly LoopDisk[];
  /** Names and statuses of changes that were not acknowledged. */
  readonly refused: string[] = [];
  readonly #workspace: Workspace;
  /** What a file may hold: a change that was refused late may have happened all the same. */
  readonly #saved = new Map<string, Buffer[]>();
  #server!: DriveServer;
  #dav!: DavClient;
  #number = 0;

  constructor(workspace: Workspace, directory: string, thin: ThinDisk, healthy: readonly LoopDisk[]) {
    this.#workspace = workspace;
    this.directory = directory;
    this.thin = thin;
    this.healthyNodes = healthy.filter((disk) => !directory.startsWith(disk.path));
  }

  async serve(graceSeconds: number): Promise<void> {
    const args = ['--grace', String(graceSeconds)];
    this.#server = await DriveServer.start(this.#workspace, { directory: this.directory, args });
    this.#dav = new DavClient(this.#server.url);
  }

  /** New files; each tenth replaces an older one. */
  async save(count: number, sizeBytes: number): Promise<void> {
    for (const end = this.#number + count; this.#number < end; this.#number++) {
      const name = `file ${this.#number % 10 === 9 ? this.#number - 5 : this.#number}`;
      const body = contentOf(String(this.#number), sizeBytes);
      const { status } = await this.#dav.send('PUT', name, { body });
      if (status < 300) this.#saved.set(name, [body]);
      else {
        this.refused.push(`${name}: ${status}`);
        this.#saved.get(name)?.push(body);
      }
    }
  }

  async mustHold(): Promise<void> {
    for (const [name, contents] of this.#saved) {
      const found = await this.#dav.get(name);
      assert.ok(found, `${name} is absent\n${this.#server.logTail()}`);
      assert.ok(
        contents.some((bytes) => found.equals(bytes)),
        `${name} is wrong`,
      );
    }
  }

  /** An honest refusal is right as long as the disk is sick; anything else must be the file. */
  async mustHoldOrRefuse(): Promise<void> {
    for (const [name, contents] of this.#saved) {
      const { status, body } = await this.#dav.send('GET', name);
      const isRight = status === 200 && contents.some((bytes) => body.equals(bytes));
      assert.ok(isRight || status >= 500, `${name} is answered with ${status} and wrong bytes`);
    }
  }

  /** By its state now, or by a line of the log. */
  async mustHaveNoticed(): Promise<void> {
    const isNoticed = async () => {
      const node = (await driveStatus(this.directory)).nodes.find(({ path }) => path === this.thin.path);
      assert.ok(node);
      const lines = this.#server.logTail().split('\n');
      const isTold = lines.some(
        (line) => line.includes(`${node.label} is `) && !line.includes(`${node.label} is online`),
      );
      return isTold || node.state !== 'online';
    };
    await waitUntil('something is said about the disk', isNoticed, { describe: () => this.#server.logTail() });
  }

  /** The server dies, the disk is mended, and nothing of what the system remembers is left. */
  async mendCold(): Promise<void> {
    this.#dav.close();
    await this.#server.kill();
    await this.thin.unmount();
    await this.thin.repair();
    await dropCaches();
    await this.thin.mount();
  }

  async mustHoldWithout(disk: LoopDisk): Promise<void> {
    await disk.unmount();
    // Nothing is made whole before it was looked at.
    await this.serve(600);
    await this.mustHold();
    this.#dav.close();
    await this.#server.stop();
    await disk.mount();
  }

  async mustBecomeWhole(): Promise<void> {
    await this.serve(1);
    await this.mustHold();
    await waitUntilWhole(this.directory);
    await this.mustHold();
    this.#dav.close();
    await mustBeSound(this.directory);
    await this.#server.stop();
  }
}
