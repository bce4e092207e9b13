/** A real drive in temporary folders: node directories, SQLite, and `check` after each test. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { productionSafety, type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../src/drive.js';
import type { Drive, DriveEvent } from '../../src/drive-contract.js';
import { SeededRandom } from '../support/seeded-random.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Quick to notice, slow to give up: tests run beside others. */
const safety: SafetyParameters = {
  ...productionSafety,
  ...testSafety,
  healGraceMs: 600_000,
  atticMs: productionSafety.atticMs,
  probeIntervalMs: 100,
  returnProbeIntervalMs: 100,
  retryMs: 4_000,
};

export class TestDrive {
  readonly folder: string;
  readonly directory: string;
  readonly nodePaths: readonly string[];
  readonly context: DriveContext;
  readonly events: DriveEvent[] = [];
  #drive: Drive | undefined;

  private constructor(folder: string, names: readonly string[], context: DriveContext) {
    this.folder = folder;
    this.directory = join(folder, 'home');
    this.nodePaths = names.map((name) => join(folder, name));
    this.context = context;
  }

  static async create(
    t: TestContext,
    { nodes = ['a', 'b', 'c'], replicas = 2, context = {} as Partial<DriveContext> } = {},
  ): Promise<TestDrive> {
    // Closed before its folder goes.
    const cleanUps: (() => Promise<void>)[] = [];
    t.after(async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
    });
    const folder = await temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
    const drive = new TestDrive(folder, nodes, { ...systemContext, safety, ...context });
    await createVolume({ directory: drive.directory, nodes: drive.nodePaths, replicas }, drive.context);
    cleanUps.push(() => drive.close());
    return drive;
  }

  get drive(): Drive {
    assert.ok(this.#drive, 'the drive is open');
    return this.#drive;
  }

  get volume(): Drive['volume'] {
    return this.drive.volume;
  }

  async open(): Promise<this> {
    this.#drive = await openDrive(
      { directory: this.directory, onEvent: (event) => this.events.push(event) },
      this.context,
    );
    return this;
  }

  /** Closes without looking at findings, for tests of damage. */
  async closeUnchecked(): Promise<void> {
    const drive = this.#drive;
    this.#drive = undefined;
    await drive?.close();
  }

  /** Closes; fails on any finding of `check`. */
  async close(): Promise<void> {
    try {
      if (this.#drive) assert.deepEqual((await this.#drive.check()).findings, []);
    } finally {
      await this.closeUnchecked();
    }
  }

  async reopen(): Promise<this> {
    await this.close();
    return this.open();
  }

  async put(path: string, content: Buffer | string): Promise<void> {
    await putFile(this.volume, path, content);
  }

  async get(path: string): Promise<Buffer> {
    return getFile(this.volume, path);
  }

  /** Where the node would be, were its disk pulled: at another path. */
  async pull(name: string): Promise<void> {
    await rename(join(this.folder, name), join(this.folder, `${name}.pulled`));
  }

  async plug(name: string): Promise<void> {
    await rename(join(this.folder, `${name}.pulled`), join(this.folder, name));
  }

  isPulled(name: string): boolean {
    return existsSync(join(this.folder, `${name}.pulled`));
  }

  /** Resolves when the node of that name is in the state; fails with the events so far. */
  async untilState(name: string, state: string): Promise<void> {
    await this.until(`${name} is ${state}`, async () => {
      const status = await this.drive.status();
      return status.nodes.some((node) => node.path === join(this.folder, name) && node.state === state);
    });
  }

  async until(what: string, isDone: () => boolean | Promise<boolean>, limitMs = 180_000): Promise<void> {
    const { clock } = systemContext;
    const deadline = clock.monotonic() + limitMs;
    while (!(await isDone())) {
      const events = () => this.events.map((event) => `${event.level}: ${event.message}`).join('\n');
      assert.ok(clock.monotonic() < deadline, `it never came to be: ${what}\n${events()}`);
      await clock.sleep(10);
    }
  }
}

export const names = (path: string): string[] => path.split('/').filter((name) => name !== '');

export async function putFile(volume: Drive['volume'], path: string, content: Buffer | string): Promise<void> {
  const bytes = Buffer.from(content);
  const upload = await volume.upload({ expectedBytes: bytes.length });
  try {
    for (let at = 0; at < bytes.length; at += 65_536) await upload.write(bytes.subarray(at, at + 65_536));
    await volume.put(names(path), await upload.finish(), {});
  } finally {
    await upload.abort();
  }
}

export async function getFile(volume: Drive['volume'], path: string): Promise<Buffer> {
  const reader = await volume.open(names(path));
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

export const randomBytes = (lengthBytes: number, seed = 1): Buffer => new SeededRandom(seed).bytes(lengthBytes);
