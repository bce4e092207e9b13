/** One opening after the other of a volume over nodes in memory with planned faults, and a real index. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.js';
import type { DriveError } from '../../src/core/errors.js';
import { testSafety } from '../../src/core/safety-parameters.js';
import { checkVolume } from '../../src/maintenance/check.js';
import type { MetaStore, MetaWriter } from '../../src/meta/meta-store.js';
import type { ChangeRequest, ChangeResult } from '../../src/meta/requests.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import { Node } from '../../src/node/node.js';
import { isReadable } from '../../src/node/node-state.js';
import { decodeBatches } from '../../src/segment/batch-reader.js';
import type { DecodedBatch } from '../../src/segment/journal-batch.js';
import { VolumeEngine } from '../../src/volume/engine.js';
import { makeJournalCurrent, type ReturnVerdict } from '../../src/volume/history/node-return.js';
import { names } from '../drive/drive-fixture.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryNodeStore } from '../support/memory-node-store.js';
import { SeededRandom } from '../support/seeded-random.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const volumeId = '0123456789abcdef';

export interface Told {
  readonly broken: DriveError[];
  readonly badCopies: string[];
  readonly damaged: string[];
  readonly followersLost: string[];
  readonly trouble: unknown[];
  readonly batches: number[];
}

const nothingTold = (): Told => ({
  broken: [],
  badCopies: [],
  damaged: [],
  followersLost: [],
  trouble: [],
  batches: [],
});

export class TestVolume {
  readonly clock = new ManualClock();
  readonly random: SeededRandom;
  readonly replicas: number;
  readonly folder: string;
  readonly stores = new Map<string, MemoryNodeStore>();
  nodes: Node[] = [];
  meta!: MetaStore;
  engine!: VolumeEngine;
  told = nothingTold();
  /** Replaces calls of the index's writer, to make them fail. */
  writerFaults: Partial<MetaWriter> = {};
  /** Why the next openings are for reading only. */
  refusal: DriveError | undefined;
  /** What the process that opens is said to have seen durable. */
  newestKnown = 0;
  #isOpen = false;

  private constructor(
    folder: string,
    { letters, replicas, seed }: { letters: string; replicas: number; seed: number },
  ) {
    this.folder = folder;
    this.replicas = replicas;
    this.random = new SeededRandom(seed);
    for (const letter of letters) this.stores.set(letter, new MemoryNodeStore(letter.repeat(16)));
  }

  /** Made and open. At the end it is closed, the planned faults must have happened, and `check` must find nothing. */
  static async create(
    t: TestContext,
    { letters = 'abc', replicas = 2, seed = 1, isChecked = true } = {},
  ): Promise<TestVolume> {
    const cleanUps: (() => Promise<void>)[] = [];
    const folder = await temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
    const volume = new TestVolume(folder, { letters, replicas, seed });
    t.after(async () => {
      try {
        await volume.end(isChecked);
      } finally {
        for (const cleanUp of cleanUps) await cleanUp();
      }
    });
    volume.plugIn(letters);
    await volume.open(true);
    return volume;
  }

  node(letter: string): Node {
    return this.nodes.find((node) => node.id === letter.repeat(16))!;
  }

  store(letter: string): MemoryNodeStore {
    return this.stores.get(letter)!;
  }

  /** Node objects as after a start of the program: those of `letters` are there. */
  plugIn(letters: string): void {
    this.nodes = [...this.stores].map(([letter, store]) => {
      const description = {
        label: letter,
        path: `/nodes/${letter}`,
        group: letter,
        weight: 1,
        role: 'active' as const,
      };
      const node = new Node({ store, clock: this.clock, ...description });
      node.noteSpace(store.space);
      if (letters.includes(letter)) node.signal('seen', null);
      return node;
    });
  }

  async open(isNew = false): Promise<VolumeEngine> {
    this.meta = await openMetaStore({ file: join(this.folder, 'index.db') });
    this.told = nothingTold();
    const { told } = this;
    try {
      this.engine = await VolumeEngine.open({
        meta: { ...this.meta, reader: this.meta.reader, writer: this.#writer(), check: () => this.meta.check() },
        nodes: () => this.nodes,
        volume: { id: volumeId, replicas: this.replicas },
        safety: testSafety,
        clock: this.clock,
        random: this.random,
        genesis: isNew ? this.#genesis() : undefined,
        refusal: this.refusal,
        newestKnown: this.newestKnown,
        events: {
          onBroken: (error) => told.broken.push(error),
          onBadCopy: ({ node, problem }) => told.badCopies.push(`${node[0]} ${problem}`),
          onDamage: (entry) => told.damaged.push(entry.name),
          onFollowerLost: (node) => told.followersLost.push(node[0]!),
          onCommitted: (batch) => told.batches.push(batch.sequence),
          onTrouble: (_, error) => told.trouble.push(error),
        },
      });
    } catch (error) {
      await this.meta.close();
      throw error;
    }
    this.#isOpen = true;
    const { forked, behind } = this.engine.history;
    for (const node of this.nodes) {
      if (isReadable(node.state) && !forked.includes(node.id) && !behind.includes(node.id)) node.welcome();
    }
    return this.engine;
  }

  /** The process ends here and now; nothing is sealed. What the nodes and the index hold stays. */
  async crash(): Promise<void> {
    this.#isOpen = false;
    await this.meta.close();
    for (const store of this.stores.values()) store.wake();
    await settleAll();
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.engine.close();
    await this.meta.close();
  }

  async reopen(letters = [...this.stores.keys()].join('')): Promise<VolumeEngine> {
    this.plugIn(letters);
    return this.open();
  }

  /** Keeps a copy of the index as it is now; `returnToStaleIndex` puts it back. */
  async keepStaleIndex(): Promise<void> {
    await this.meta.writer.copyTo(join(this.folder, 'stale.db'));
  }

  async returnToStaleIndex(): Promise<void> {
    await this.loseIndex();
    await rename(join(this.folder, 'stale.db'), join(this.folder, 'index.db'));
  }

  async loseIndex(): Promise<void> {
    for (const suffix of ['', '-wal', '-shm']) {
      const path = join(this.folder, `index.db${suffix}`);
      if (existsSync(path)) await rename(path, join(this.folder, `lost-${this.random.integer(2 ** 32)}`));
    }
  }

  async put(path: string, content: Buffer | string): Promise<ChangeResult> {
    const bytes = Buffer.from(content);
    const upload = await this.engine.upload({ expectedBytes: bytes.length });
    try {
      await upload.write(bytes);
      const { staged, chunks } = await upload.finish();
      return await this.change({ kind: 'put', path: names(path), content: staged }, chunks);
    } finally {
      upload.end();
    }
  }

  change(request: Unsigned<ChangeRequest>, chunks: Parameters<VolumeEngine['change']>[1] = []): Promise<ChangeResult> {
    return this.engine.change({ principal: '', now: this.clock.now(), ...request } as ChangeRequest, chunks);
  }

  makeFolder(path: string): Promise<ChangeResult> {
    return this.change({ kind: 'make-folder', path: names(path) });
  }

  async get(path: string): Promise<string> {
    const reader = this.engine.open(names(path));
    try {
      const parts: Buffer[] = [];
      for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
      return Buffer.concat(parts).toString();
    } finally {
      reader.close();
    }
  }

  /** Names in the root folder. */
  root(): string[] {
    return this.meta.reader.list(1, '', 10_000).rows.map((row) => row.name);
  }

  /** A node that is seen again: what the drive does with it. */
  async bringBack(letter: string): Promise<ReturnVerdict> {
    const node = this.node(letter);
    node.signal('seen', null);
    const { committer, history } = this.engine;
    const verdict = await makeJournalCurrent({ reader: this.meta.reader, committer, writeSet: history.writeSet }, node);
    if (verdict === 'current') {
      node.welcome();
      await committer.refreshMembers();
    }
    return verdict;
  }

  /** The node leaves, as after a failed probe. */
  async takeAway(letter: string): Promise<void> {
    this.node(letter).signal('gone', 'pulled');
    this.engine.segments.nodeLeft(letter.repeat(16));
    await this.engine.committer.refreshMembers();
  }

  get members(): string {
    return [...this.engine.history.writeSet.members]
      .map((node) => node[0])
      .sort()
      .join('');
  }

  /** Letters of the nodes that are no members. */
  get followers(): string {
    return [...this.stores.keys()].filter((letter) => !this.members.includes(letter)).join('');
  }

  /** Whole batches in a node's journal, in the order of its files. */
  journal(letter: string): DecodedBatch[] {
    const store = this.store(letter);
    return store
      .names('journal')
      .sort()
      .flatMap((name) => decodeBatches(store.bytesOf('journal', name)).batches);
  }

  lastJournalFile(letter: string): string {
    return this.store(letter).names('journal').sort().at(-1)!;
  }

  async end(isChecked: boolean): Promise<void> {
    for (const store of this.stores.values()) store.wake();
    if (this.#isOpen) {
      try {
        if (isChecked) await this.check();
      } finally {
        await this.close();
      }
    }
    for (const store of this.stores.values()) {
      // A journal is read to decide what was; what stands behind its last fsync is written again (tested by itself).
      const others = store.violations.filter(
        (violation) => !violation.endsWith('.journal: read back after a failed fsync'),
      );
      store.violations.splice(0, store.violations.length, ...others);
      store.assertSound();
    }
  }

  async check(): Promise<void> {
    const { segments } = this.engine;
    const isOpen = (segment: string) => segments.openSegments().some((open) => open.segment === segment);
    const { findings } = await checkVolume({ meta: this.meta, nodes: this.nodes, isOpen });
    assert.deepEqual(findings, []);
  }

  #writer(): MetaWriter {
    const { writer } = this.meta;
    return new Proxy(writer, {
      get: (target, name) => {
        const fault = this.writerFaults[name as keyof MetaWriter];
        if (fault) return fault;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #genesis(): Parameters<typeof VolumeEngine.open>[0]['genesis'] {
    return [
      { o: 'volume', id: volumeId, name: 'home', replicas: this.replicas, created: this.clock.now() },
      ...this.nodes.map(({ id, label, group, weight, role, path }) => ({
        o: 'node' as const,
        id,
        label,
        group,
        weight,
        role,
        path,
      })),
    ];
  }
}

type Unsigned<T> = T extends ChangeRequest ? Omit<T, 'principal' | 'now'> : never;

/** Lets everything run that waits for promises and the event loop only. */
export async function settleAll(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Waits in turns of the event loop; threads and files need real time, and get the processor. */
export async function until(isDone: () => boolean, limitMs = 60_000): Promise<void> {
  const deadline = systemClock.monotonic() + limitMs;
  for (let turn = 0; !isDone() && systemClock.monotonic() < deadline; turn += 1) {
    if (turn < 100) await settleAll(1);
    else await sleep(1);
  }
  assert.ok(isDone(), 'it did not happen');
}

/** Resolves when a write to the store hangs. */
export function hangs(store: MemoryNodeStore): Promise<void> {
  store.log.length = 0;
  const count = (phase: string) =>
    store.log.filter((entry) => entry.operation === 'write' && entry.phase === phase).length;
  return until(() => count('start') > count('end')).then(() => settleAll());
}

/** Whether the promise settles: a call that hangs does not. */
export async function settles(work: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settled = () => {
    isSettled = true;
  };
  work.then(settled, settled);
  await until(() => isSettled).catch(() => undefined);
  return isSettled;
}
