/**
 * A volume that is made once, damaged again and again, and opened each time: what the drive then shows, from a name to
 * the last byte, must be what was saved. Files are small and few, so that hundreds of cases take a minute.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../../src/core/errors.js';
import { productionSafety, type SafetyParameters, testSafety } from '../../src/core/safety-parameters.js';
import { type DriveContext, systemContext } from '../../src/drive/drive-context.js';
import { createVolume, openDrive } from '../../src/drive.js';
import type { Drive, DriveEvent } from '../../src/drive-contract.js';
import type { EntryRow } from '../../src/meta/rows.js';
import { SeededRandom } from '../support/seeded-random.js';
import type { CleanUp } from '../support/temporary-folder.js';

const KiB = 1024;
/** For a state that must come, on a machine that does much else. */
const patienceMs = 180_000;

/** In memory where the system has such a folder: hundreds of openings sync thousands of times. */
export async function memoryFolder(context: CleanUp): Promise<string> {
  const path = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-damage-'));
  context.after(() => rm(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

const safety: SafetyParameters = {
  ...productionSafety,
  ...testSafety,
  healGraceMs: 600_000,
  atticMs: productionSafety.atticMs,
  probeIntervalMs: 5_000,
  retryMs: 20_000,
  checkpointAfterBytes: 24 * KiB,
};

/** Path -> everything that can be seen of it. */
export type Tree = ReadonlyMap<string, string>;

export class DamagedVolume {
  readonly directory: string;
  readonly nodes: readonly string[];
  readonly events: DriveEvent[] = [];
  #drive: Drive | undefined;
  readonly #folder: string;
  readonly #context: DriveContext;

  /** The files of one volume below `folder`, in `home`, `a` and `b`. */
  constructor(folder: string, context: Partial<DriveContext> = {}) {
    this.#folder = folder;
    this.directory = join(folder, 'home');
    this.nodes = ['a', 'b'].map((name) => join(folder, name));
    this.#context = { ...systemContext, safety, ...context };
  }

  get drive(): Drive {
    assert.ok(this.#drive, 'the drive is open');
    return this.#drive;
  }

  get index(): string {
    return join(this.directory, 'index.db');
  }

  async create(): Promise<this> {
    await mkdir(this.#folder, { recursive: true });
    await createVolume({ directory: this.directory, nodes: this.nodes, replicas: 2 }, this.#context);
    return this;
  }

  async open(): Promise<Drive> {
    this.events.length = 0;
    const onEvent = (event: DriveEvent) => void this.events.push(event);
    this.#drive = await openDrive({ directory: this.directory, onEvent }, this.#context);
    return this.#drive;
  }

  async close(): Promise<void> {
    const drive = this.#drive;
    this.#drive = undefined;
    await drive?.close();
  }

  /** All files as they are now, for `putBack`. What is open is copied as a killed process would leave it. */
  async keep(name: string): Promise<void> {
    await cp(this.#folder, this.#kept(name), { recursive: true });
  }

  async putBack(name: string): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    await cp(this.#kept(name), this.#folder, { recursive: true });
  }

  /** Path of a file of a kept state. */
  kept(name: string, ...path: readonly string[]): string {
    return join(this.#kept(name), ...path);
  }

  #kept(name: string): string {
    return `${this.#folder}.${name}`;
  }

  /** Files of a folder of a node, by name: 'segments', 'journal', 'checkpoints'. */
  async files(node: string, folder: string): Promise<string[]> {
    const below = (await readdir(node)).find((name) => /^holdfast-[0-9a-f]{16}$/.test(name));
    assert.ok(below, `no node at ${node}`);
    const names = await readdir(join(node, below, folder));
    return names
      .filter((name) => !name.endsWith('.tmp'))
      .sort()
      .map((name) => join(node, below, folder, name));
  }

  async put(path: string, bytes: Buffer): Promise<void> {
    const { volume } = this.drive;
    const upload = await volume.upload({ expectedBytes: bytes.length });
    try {
      await upload.write(bytes);
      await volume.put(path.split('/'), await upload.finish(), {});
    } finally {
      await upload.abort();
    }
  }

  async delete(path: readonly string[]): Promise<void> {
    await this.drive.volume.delete(path, {});
  }

  async untilAllAreHere(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const states = (await this.drive.status()).nodes.map(({ state }) => state);
      if (states.every((state) => state === 'online')) return;
      assert.ok(performance.now() < deadline, states.join(' '));
      await sleep(50);
    }
  }

  /** Some of everything: folders, sizes from nothing to two chunks, names with marks, properties, times, a lock, ended ones. */
  async fill(seed: number, files: number): Promise<void> {
    const random = new SeededRandom(seed);
    const { volume } = this.drive;
    for (const folder of ['plain', 'plain/below', 'Ümläute', 'empty']) await volume.makeFolder(folder.split('/'), {});
    const folders = ['plain', 'plain/below', 'Ümläute'];
    for (let file = 0; file < files; file += 1) {
      const path = `${random.pick(folders)}/file ${file} of ${seed}.bin`;
      await this.put(path, random.bytes(random.pick([0, 1, 700, 4_096, 30_000])));
      if (file % 4 === 0) {
        const value = `<p xmlns="n">${random.integer(1e9)} of ${path}</p>`;
        const changes = [{ namespace: 'n', name: 'p', value }];
        await volume.setProperties(path.split('/'), changes, { times: { modified: 1e12 + random.integer(1e9) } });
      }
      if (file % 7 === 0) await volume.move(path.split('/'), [`moved ${file}`], { overwrite: false });
    }
    await this.put('two chunks.bin', random.bytes(1024 * KiB + 77_777));
    await volume.copy(['two chunks.bin'], ['its copy.bin'], { overwrite: false, depth: 0 });
    await this.put('deleted', random.bytes(999));
    await volume.delete(['deleted'], {});
    await volume.lock(['empty'], { scope: 'exclusive', depth: 'infinity', owner: 'o', timeoutMs: 3_600_000 });
  }

  async tree(): Promise<Tree> {
    const seen = new Map<string, string>();
    const root = await this.#answer(() => this.drive.volume.stat([]));
    assert.ok(root, 'there is no root');
    await this.#see(root, [], seen);
    return seen;
  }

  /** Every name is looked up as well: a listing and a look-up go different ways. */
  async looksUp(expected: Tree): Promise<void> {
    for (const path of expected.keys()) {
      const names = path === '' ? [] : path.split('/');
      assert.ok(await this.#answer(() => this.drive.volume.stat(names)), `${path} is not found`);
    }
    assert.equal(await this.#answer(() => this.drive.volume.stat(['deleted'])), undefined);
  }

  async #see(row: EntryRow, path: readonly string[], seen: Map<string, string>): Promise<void> {
    const { volume } = this.drive;
    const { name, kind, sizeBytes, etag, created, modified } = row;
    const properties = await this.#answer(() => volume.properties(row));
    const locks = (await this.#answer(() => volume.locks(path))).map(({ token, expires }) => ({ token, expires }));
    const bytes = kind === 'folder' ? '' : await this.#answer(() => this.#hash(path));
    const all = { name, kind, sizeBytes, etag, created, modified, properties, locks, bytes };
    seen.set(path.join('/'), JSON.stringify(all));
    if (kind !== 'folder') return;
    const children: EntryRow[] = await this.#answer(async () => {
      const rows: EntryRow[] = [];
      for await (const page of volume.list(row)) rows.push(...page);
      return rows;
    });
    for (const child of children) await this.#see(child, [...path, child.name], seen);
  }

  /** Of the whole file; parts of it, read by themselves, must be parts of it. */
  async #hash(path: readonly string[]): Promise<string> {
    const reader = await this.drive.volume.open(path);
    const range = async (start: number, end: number) => {
      const parts: Buffer[] = [];
      for await (const part of reader.read({ start, end })) parts.push(Buffer.from(part));
      return Buffer.concat(parts);
    };
    try {
      const size = reader.sizeBytes;
      const whole = await range(0, size);
      const middle = Math.floor(size / 2);
      const places = [
        [0, 1],
        [middle, Math.min(size, middle + 100)],
        [size - 1, size],
      ] as const;
      for (const [from, to] of size > 0 ? places : []) {
        assert.deepEqual(await range(from, to), whole.subarray(from, to), `${path.join('/')}: ${from} to ${to}`);
      }
      return createHash('sha256').update(whole).digest('hex');
    } finally {
      reader.close();
    }
  }

  /** The answer, asked for again while there is none: "not now" is no wrong answer. */
  async #answer<T>(ask: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isTransient = hasCode(error, 'UNAVAILABLE', 'CORRUPT', 'CLOSED');
        if (!isTransient || performance.now() > deadline) throw error;
      }
      await sleep(20);
    }
  }

  /**
   * Every copy of a segment is read, and what is bad is healed, until all of them are good. (A damaged journal file stays
   * until a checkpoint takes its place; the other node has what it held.)
   */
  async mustHeal(): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { findings, degraded } = await this.#answer(() => this.drive.check({ readData: { part: 1, parts: 1 } }));
      const bad = [...findings, ...degraded.filter((sentence) => !sentence.includes(' its journal '))];
      if (bad.length === 0) return;
      if (performance.now() > deadline) assert.deepEqual(bad, []);
      await sleep(100);
    }
  }

  /** What must hold after any damage: the tree. */
  async mustServe(expected: Tree): Promise<void> {
    assertSame(await this.tree(), expected, () => this.#said());
    await this.looksUp(expected);
  }

  /** The same, and a check without findings, after healing if need be. */
  async mustShow(expected: Tree): Promise<void> {
    await this.mustServe(expected);
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const findings = await this.#answer(async () => (await this.drive.check()).findings);
      if (findings.length === 0) break;
      if (performance.now() > deadline) assert.deepEqual(findings, [], this.#said());
      await sleep(50);
      assertSame(await this.tree(), expected, () => this.#said());
    }
  }

  #said(): string {
    return this.events.map(({ level, message }) => `${level}: ${message}`).join('\n');
  }
}

function assertSame(tree: Tree, expected: Tree, said: () => string): void {
  for (const [path, text] of expected) assert.equal(tree.get(path), text, `${path}\n${said()}`);
  for (const path of tree.keys()) assert.ok(expected.has(path), `${path} was never saved\n${said()}`);
}
