/** Preconditions: RFC 9110 section 13 and the If header of RFC 4918 section 10.4. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Conditions, IfList } from '../../src/meta/requests.js';
import { path, submitting, withCode } from './index-driver.js';
import type { Begin } from './meta-store-suite.js';

type Condition = IfList['conditions'][number];
const token = (value: string, not = false): Condition => ({ not, kind: 'token', value });
const tag = (value: string, not = false): Condition => ({ not, kind: 'etag', value });
const list = (resource: IfList['resource'], ...conditions: Condition[]): IfList => ({ resource, conditions });
const failed = withCode('PRECONDITION_FAILED');

export function conditionsSuite(begin: Begin): void {
  it('compares entity tags: strongly for If-Match, weakly for If-None-Match', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f', 'one');
    await driver.makeFolder('d');
    const own = `"${entry!.etag}"`;
    const judge = (target: string, conditions: Conditions) => () =>
      driver.store.reader.verify({ path: path(target), conditions, principal: '', now: 0, forWriting: false });
    const holds = (target: string, conditions: Conditions) => assert.doesNotThrow(judge(target, conditions));
    const fails = (target: string, conditions: Conditions) => assert.throws(judge(target, conditions), failed);
    holds('f', { ifMatch: '*' });
    holds('f', { ifMatch: ['"x"', own] });
    fails('f', { ifMatch: ['"x"'] });
    fails('f', { ifMatch: [`W/${own}`] });
    fails('f', { ifMatch: [] });
    fails('none', { ifMatch: '*' });
    holds('d', { ifMatch: '*' });
    fails('d', { ifMatch: ['""'] });
    holds('none', { ifNoneMatch: '*' });
    holds('none', { ifNoneMatch: [own] });
    fails('f', { ifNoneMatch: '*' });
    fails('d', { ifNoneMatch: '*' });
    fails('f', { ifNoneMatch: [own] });
    fails('f', { ifNoneMatch: [`W/${own}`] });
    holds('f', { ifNoneMatch: ['"x"'] });
    const time = entry!.modified;
    holds('f', { ifUnmodifiedSince: time });
    holds('f', { ifUnmodifiedSince: Math.floor(time / 1000) * 1000 });
    fails('f', { ifUnmodifiedSince: time - 1_000 });
    holds('f', { ifUnmodifiedSince: time - 1_000, ifMatch: [own] });
    holds('none', { ifUnmodifiedSince: 0 });
  });

  it('is judged with the requests before it in the batch applied', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f', 'one');
    const conditions = { ifMatch: [`"${entry!.etag}"`] };
    const remove = { kind: 'delete', path: ['f'], conditions } as const;
    const change = { kind: 'copy', path: ['g'], target: ['f'], overwrite: true, depth: 'infinity' } as const;
    await driver.put('g', 'two');
    const { outcomes } = await driver.batch([change, remove]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.ok),
      [true, false],
    );
    assert.ok(driver.lookup('f'));
  });

  it('names the header that failed', async (context) => {
    const driver = await begin(context);
    await driver.put('f');
    const conditionOf = async (conditions: Conditions): Promise<unknown> => {
      const [outcome] = (await driver.batch([{ kind: 'delete', path: ['f'], conditions }])).outcomes;
      return outcome?.ok === false ? outcome.error.details.condition : 'none';
    };
    assert.equal(await conditionOf({ ifMatch: ['"x"'] }), 'If-Match');
    assert.equal(await conditionOf({ ifNoneMatch: '*' }), 'If-None-Match');
    assert.equal(await conditionOf({ ifUnmodifiedSince: 0 }), 'If-Unmodified-Since');
    assert.equal(await conditionOf({ ifLists: [list('request', tag('"x"'))] }), 'If');
  });

  it('holds when any list of an If header does, and a list when all its conditions do', async (context) => {
    const driver = await begin(context);
    const { entry } = await driver.put('f', 'one');
    await driver.makeFolder('d');
    await driver.put('d/g', 'two');
    await driver.lock('f', { token: 'urn:f' });
    await driver.lock('d', { token: 'urn:d' });
    const own = `"${entry!.etag}"`;
    const judge = (target: string, ...ifLists: IfList[]): boolean => {
      try {
        const conditions = { ifLists };
        driver.store.reader.verify({
          path: path(target),
          conditions,
          principal: '',
          now: driver.now,
          forWriting: false,
        });
        return true;
      } catch (error) {
        assert.ok(failed(error));
        return false;
      }
    };
    assert.ok(judge('f', list('request', token('urn:f'), tag(own))));
    assert.ok(!judge('f', list('request', token('urn:f'), tag('"x"'))));
    assert.ok(!judge('f', list('request', tag(`W/${own}`))));
    assert.ok(judge('f', list('request', tag('"x"')), list('request', token('urn:f'))));
    assert.ok(judge('f', list('request', token('urn:none', true), tag('"x"', true))));
    assert.ok(!judge('f', list('request', token('urn:f', true))));
    assert.ok(!judge('f', list('request', token('DAV:no-lock'))));
    assert.ok(judge('f', list('request', token('DAV:no-lock', true))));
    assert.ok(!judge('f', list('request', token('urn:d'))), 'a token matches only what its lock covers');
    assert.ok(judge('f', list(path('d'), token('urn:d'))));
    assert.ok(judge('f', list(path('d/g'), token('urn:d'))));
    assert.ok(judge('d/new', list('request', token('urn:d'))), 'what comes to be in a locked tree is covered');
    assert.ok(!judge('f', list(path('none'), token('urn:f'))));
    assert.ok(!judge('f', list(path('none'), tag(own))));
    assert.ok(judge('f', list(path('none'), tag(own, true))));
    assert.ok(!judge('f', list(null, token('urn:f'))));
    assert.ok(judge('f', list(null, token('urn:f', true))));
  });

  it('does not match a lock that is past its time', async (context) => {
    const driver = await begin(context);
    await driver.put('f');
    await driver.lock('f', { token: 'urn:f', timeoutMs: 5_000 });
    driver.now += 10_000;
    const ask = { kind: 'delete', path: ['f'], conditions: submitting('urn:f') } as const;
    await assert.rejects(driver.submit(ask), failed);
  });
}
