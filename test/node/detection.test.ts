/** How soon the state of a node tells what befell its disk, on the test's clock; and what is asked of disks that sleep. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { productionSafety } from '../../src/core/safety-parameters.js';
import { Node } from '../../src/node/node.js';
import { NodeMonitor } from '../../src/node/node-monitor.js';
import { isWritable } from '../../src/node/node-state.js';
import { ManualClock } from '../support/manual-clock.js';
import { error, failing, ScriptedStore } from './monitor-fixture.js';

/** A store whose calls may get no answer. */
class HangingStore extends ScriptedStore {
  isHanging = false;
  readonly #waiting: (() => void)[] = [];

  constructor(letter: string) {
    super(letter.repeat(16));
    this.meanwhile = () => this.#wait();
  }

  wake(): void {
    this.isHanging = false;
    for (const answer of this.#waiting.splice(0)) answer();
  }

  override async probe() {
    await this.#wait();
    return super.probe();
  }

  override async look() {
    await this.#wait();
    await super.look();
  }

  #wait(): Promise<void> | undefined {
    return this.isHanging ? new Promise<void>((answer) => void this.#waiting.push(answer)) : undefined;
  }
}

async function idleNodes(context: TestContext, { letters = 'ab', isSleepy = false } = {}) {
  const clock = new ManualClock();
  const stores = [...letters].map((letter) => new HangingStore(letter));
  const nodes = stores.map((store) => {
    const { id } = store;
    return new Node({ store, clock, label: id, path: `/${id}`, group: id, weight: 1, role: 'active', isSleepy });
  });
  const watch = () => ({ close: async () => undefined });
  const monitor = new NodeMonitor({ clock, safety: productionSafety, report: () => undefined, watch });
  await monitor.add(...nodes);
  for (const node of nodes) node.welcome();
  await clock.advance(20_000);
  context.after(async () => {
    for (const store of stores) store.wake();
    await monitor.close();
  });
  return { clock, monitor, node: nodes[0]!, nodes, store: stores[0]!, stores };
}

const faults: Readonly<Record<string, (store: HangingStore) => void>> = {
  'its disk is unmounted': (store) => {
    store.looking = error('NODE_GONE', 'absent');
  },
  'another disk lies at its path': (store) => {
    store.looking = error('NODE_GONE', 'foreign');
  },
  'writes and fsyncs fail, and the passport is read from memory': (store) => {
    store.probing = error('NODE_IO');
  },
  'its file system is read-only': (store) => {
    store.probing = error('NODE_READ_ONLY');
  },
  'its disk is full': (store) => {
    store.probing = error('NODE_FULL');
  },
  'its network file system is not connected': (store) => {
    store.looking = store.probing = error('NODE_GONE');
  },
  'no call gets an answer': (store) => {
    store.isHanging = true;
  },
};

for (const [what, strike] of Object.entries(faults)) {
  test(`an idle node is not written to any more 3 s after this: ${what}`, async (context) => {
    for (let offsetMs = 0; offsetMs < productionSafety.probeIntervalMs; offsetMs += 190) {
      const { clock, node, store } = await idleNodes(context);
      await clock.advance(offsetMs);
      assert.equal(node.state, 'online');
      strike(store);
      await clock.advance(3_000);
      assert.ok(!isWritable(node.state), `struck ${offsetMs} ms after a probe: ${node.state}`);
    }
  });

  test(`the first operation that fails tells, without waiting for a probe: ${what}`, async (context) => {
    const { clock, node, store } = await idleNodes(context);
    strike(store);
    if (store.isHanging) return;
    store.operating = store.looking ?? store.probing;
    await failing(node.store.sync('segments', 'a'), store.operating!.code);
    assert.ok(!isWritable(node.state), node.state);
    await clock.advance(0);
    assert.ok(!isWritable(node.state), node.state);
  });
}

test('a disk that answers late is trusted again with its answer, as often as that happens', async (context) => {
  const { clock, node, store, monitor } = await idleNodes(context);
  const states: string[] = [];
  monitor.onChange(({ to }) => states.push(to));
  for (let times = 1; times <= 4; times++) {
    store.isHanging = true;
    await clock.advance(3_000);
    assert.equal(node.state, 'suspect');
    store.wake();
    await clock.advance(0);
    assert.equal(node.state, 'online');
    assert.equal(states.length, 2 * times);
  }
});

test('when no disk answers it is the machine that stands still: nothing is concluded before the deadline', async (context) => {
  const { clock, nodes, stores } = await idleNodes(context);
  for (const store of stores) store.isHanging = true;
  await clock.advance(8_000);
  assert.deepEqual(
    nodes.map(({ state }) => state),
    ['online', 'online'],
  );
});

test('a disk that works is not doubted because its probe is slow', async (context) => {
  const { clock, node, store } = await idleNodes(context);
  store.isHanging = true;
  const reading = node.store.read('segments', 'a', 0, 1);
  await clock.advance(4_000);
  assert.equal(node.state, 'online');
  store.wake();
  await reading;
});

test('a disk that sleeps is neither written to nor listed while nobody uses it, and still seen to leave', async (context) => {
  const { clock, monitor, node, store } = await idleNodes(context, { isSleepy: true });
  const listed: string[] = [];
  monitor.onListingHint((each) => listed.push(each.id));
  store.calls.length = 0;
  await clock.advance(600_000);
  assert.equal(store.count('probe'), 0);
  assert.deepEqual(listed, []);
  assert.ok(store.count('look') > 100);
  await node.store.read('segments', 'a', 0, 1);
  await clock.advance(4_000);
  assert.ok(store.count('probe') > 0, 'in use it is probed like any other');
  await clock.advance(60_000);
  store.looking = error('NODE_GONE', 'absent');
  await clock.advance(3_000);
  assert.equal(node.state, 'offline');
});

test('a read that is waited for makes its node the last to be asked, and what is known of it fades', async (context) => {
  const { clock, node, store } = await idleNodes(context);
  assert.equal(node.latencyMs, 0);
  store.isHanging = true;
  const reading = node.store.read('segments', 'a', 0, 1);
  await clock.advance(400);
  assert.equal(node.latencyMs, 400);
  store.wake();
  await reading;
  assert.equal(node.latencyMs, 400);
  await clock.advance(60_000);
  assert.equal(node.latencyMs, 100);
});
