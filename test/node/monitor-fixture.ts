/** A monitored node whose store, watcher and time are in the hands of the test. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { DriveError, type ErrorCode, hasCode } from '../../src/core/errors.js';
import type { SpaceInfo } from '../../src/core/file-io.js';
import { productionSafety } from '../../src/core/safety-parameters.js';
import { Node } from '../../src/node/node.js';
import { NodeMonitor } from '../../src/node/node-monitor.js';
import type { NodeState } from '../../src/node/node-state.js';
import type { NodeStore } from '../../src/node/node-store.js';
import type { NodeWatcherOptions } from '../../src/node/node-watcher.js';
import { ManualClock } from '../support/manual-clock.js';

export const GiB = 2 ** 30;

/** A store that answers as the test says and counts what is asked. */
export class ScriptedStore implements NodeStore {
  readonly id: string;
  readonly canAppend = true;
  space: SpaceInfo = { totalBytes: 100 * GiB, freeBytes: 50 * GiB, freeInodes: Number.POSITIVE_INFINITY };
  looking: DriveError | undefined;
  probing: DriveError | undefined;
  operating: DriveError | undefined;
  calls: string[] = [];
  /** Called inside each operation. */
  meanwhile: () => Promise<void> | void = () => undefined;

  constructor(id = '00000000000000bb') {
    this.id = id;
  }

  count(call: string): number {
    return this.calls.filter((each) => each === call).length;
  }

  create = () => this.#operate('create');
  write = () => this.#operate('write');
  sync = () => this.#operate('sync');
  finish = () => this.#operate('finish');
  read = async () => {
    await this.#operate('read');
    return Buffer.alloc(0);
  };
  list = async () => {
    await this.#operate('list');
    return [];
  };
  cut = () => this.#operate('cut');
  put = () => this.#operate('put');
  move = () => this.#operate('move');
  remove = () => this.#operate('remove');
  async probe(): Promise<SpaceInfo> {
    this.calls.push('probe');
    if (this.looking ?? this.probing) throw this.looking ?? this.probing;
    return this.space;
  }
  async look(): Promise<void> {
    this.calls.push('look');
    if (this.looking) throw this.looking;
  }
  async idle(): Promise<void> {
    this.calls.push('idle');
  }
  async release(): Promise<void> {
    this.calls.push('release');
  }
  async close(): Promise<void> {
    this.calls.push('close');
  }

  async #operate(call: string): Promise<void> {
    this.calls.push(call);
    await this.meanwhile();
    if (this.operating) throw this.operating;
  }
}

interface FakeWatcher extends NodeWatcherOptions {
  isClosed: boolean;
}

export async function watchOver(context: TestContext, prepare: (store: ScriptedStore) => void = () => undefined) {
  const clock = new ManualClock();
  const store = new ScriptedStore();
  prepare(store);
  const watchers: FakeWatcher[] = [];
  const reports: string[] = [];
  const monitor = new NodeMonitor({
    clock,
    safety: productionSafety,
    report: (message) => reports.push(message),
    watch: (options) => {
      const watcher = { ...options, isClosed: false };
      watchers.push(watcher);
      const close = async () => {
        watcher.isClosed = true;
      };
      return { close };
    },
  });
  const node = new Node({ store, clock, label: 'blue', path: '/blue', group: 'a', weight: 1, role: 'active' });
  const changes: NodeState[] = [];
  monitor.onChange(({ to }) => changes.push(to));
  await monitor.add(node);
  context.after(() => monitor.close());
  return { clock, store, node, monitor, watchers, reports, changes };
}

export async function online(context: TestContext) {
  const fixture = await watchOver(context);
  fixture.node.welcome();
  await fixture.clock.advance(0);
  fixture.changes.length = 0;
  fixture.store.calls.length = 0;
  return fixture;
}

export const error = (code: ErrorCode, reason?: string) => new DriveError(code, { details: { reason } });
export const failing = (work: Promise<unknown>, code: ErrorCode) =>
  assert.rejects(work, (thrown) => hasCode(thrown, code));
