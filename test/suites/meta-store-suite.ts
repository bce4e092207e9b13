/** What every MetaStore promises (meta/meta-store.ts). */

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { IndexDriver } from './index-driver.js';
import { conditionsSuite } from './meta-conditions-suite.js';
import { contentsSuite } from './meta-contents-suite.js';
import { historySuite } from './meta-history-suite.js';
import { locksSuite } from './meta-locks-suite.js';
import { needsSuite } from './meta-needs-suite.js';
import { protectionSuite } from './meta-protection-suite.js';
import { replicasSuite } from './meta-replicas-suite.js';
import { treeSuite } from './meta-tree-suite.js';

export interface MetaStoreUnderTest {
  /** A new, empty index, closed after the test. */
  readonly open: (context: TestContext) => Promise<MetaStore>;
  /** Runs of the slow property test. */
  readonly propertyRuns: number;
  /** What its check finds at the end of a test. */
  readonly findings: (store: MetaStore) => Promise<string[]>;
}

/** Opens an index with a volume in it; its invariants are checked at the end of the test. */
export type Begin = (context: TestContext) => Promise<IndexDriver>;

export function metaStoreSuite(title: string, { open, propertyRuns, findings }: MetaStoreUnderTest): void {
  const begin: Begin = async (context) => {
    const store = await open(context);
    const driver = await new IndexDriver(store).begin();
    context.after(async () => {
      assert.deepEqual(await findings(store), []);
      await store.close();
    });
    return driver;
  };
  describe(title, () => {
    describe('tree', () => treeSuite(begin));
    describe('contents and segments', () => contentsSuite(begin));
    describe('replicas', () => replicasSuite(begin));
    describe('conditions', () => conditionsSuite(begin));
    describe('DAV locks', () => locksSuite(begin));
    describe('protection', () => protectionSuite(begin, open));
    describe('needs of segments', () => needsSuite(begin, propertyRuns));
    describe('history', () => historySuite(begin, open, propertyRuns));
    describe('life of the store', () => lifeSuite(open));
  });
}

function lifeSuite(open: MetaStoreUnderTest['open']): void {
  it('refuses every call after close, and closes twice', async (context) => {
    const store = await open(context);
    await new IndexDriver(store).begin();
    await store.close();
    await store.close();
    const closed = { code: 'CLOSED' };
    assert.throws(() => store.reader.tip(), closed);
    assert.throws(() => store.writer.checkpoint(), closed);
    await assert.rejects(store.writer.prepare({ sequence: 9, requests: [], data: [] }), closed);
    await assert.rejects(store.writer.addPlaces([]), closed);
    await assert.rejects(store.writer.copyTo('/nowhere'), closed);
    await assert.rejects(store.check(), closed);
  });

  it('takes a prepared batch back when it is closed', async (context) => {
    const store = await open(context);
    const driver = await new IndexDriver(store).begin();
    await store.writer.prepare({
      sequence: 3,
      requests: [{ kind: 'make-folder', path: ['never'], principal: '', now: 1 }],
      data: [],
    });
    assert.equal(driver.lookup('never'), undefined);
    const waiting = assert.rejects(store.writer.setJournaled('00000000000000a1', 1), { code: 'CLOSED' });
    await store.close();
    await waiting;
  });
}
