/** DAV locks: RFC 4918 sections 6 and 7, and what clients need beyond it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type DriveError, hasCode } from '../../src/core/errors.js';
import type { Conditions } from '../../src/meta/requests.js';
import { type Ask, type IndexDriver, path, staged, submitting, withCode } from './index-driver.js';
import type { Begin } from './meta-store-suite.js';

/** Tagged, so that the header holds whatever the request path is. */
const holding = (...pairs: [target: string, token: string][]): Conditions => ({
  ifLists: pairs.map(([target, value]) => ({
    resource: path(target),
    conditions: [{ not: false, kind: 'token', value }],
  })),
});

const put = (target: string): Ask => ({ kind: 'put', path: path(target), content: staged('new') });
const remove = (target: string): Ask => ({ kind: 'delete', path: path(target) });
const folder = (target: string): Ask => ({ kind: 'make-folder', path: path(target) });
const patch = (target: string): Ask => ({ kind: 'set-properties', path: path(target), changes: [] });
const move = (from: string, to: string, locksFollow = false): Ask => ({
  kind: 'move',
  path: path(from),
  target: path(to),
  overwrite: true,
  locksFollow,
});
const copy = (from: string, to: string): Ask => ({
  kind: 'copy',
  path: path(from),
  target: path(to),
  overwrite: true,
  depth: 'infinity',
});

/** The paths of the locks in the way; undefined when the request would pass. Nothing is changed. */
async function blockedBy(driver: IndexDriver, ask: Ask, conditions?: Conditions): Promise<string[] | undefined> {
  const request = { principal: '', now: driver.now, ...ask, conditions } as Parameters<
    IndexDriver['store']['writer']['prepare']
  >[0]['requests'][number];
  const [outcome] = (await driver.store.writer.prepare({ sequence: 1_000, requests: [request], data: [] })).outcomes;
  await driver.store.writer.abort();
  if (outcome?.ok) return undefined;
  assert.equal(outcome?.error.code, 'LOCKED', outcome?.error.message);
  return (outcome!.error.details.lockRoots as string[][]).map((names) => names.join('/')).sort();
}

async function tree(driver: IndexDriver): Promise<void> {
  await driver.makeFolder('d');
  await driver.makeFolder('d/sub');
  await driver.put('d/f');
  await driver.put('d/sub/g');
  await driver.put('other');
}

export function locksSuite(begin: Begin): void {
  it('protects a file against changes without its token', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    const { lock, created } = await driver.lock('d/f', { token: 'urn:f', owner: '<href>me</href>', depth: 0 });
    assert.equal(created, false);
    assert.deepEqual(lock?.path, ['d', 'f']);
    assert.deepEqual(driver.store.reader.locksCovering(path('d/f'), driver.now), [lock]);
    for (const ask of [put('d/f'), patch('d/f'), remove('d/f'), move('d/f', 'x'), copy('other', 'd/f')]) {
      assert.deepEqual(await blockedBy(driver, ask), ['d/f'], ask.kind);
      assert.equal(await blockedBy(driver, ask, holding(['d/f', 'urn:f'])), undefined, ask.kind);
    }
    for (const ask of [copy('d/f', 'x'), put('d/new'), put('other'), move('other', 'd/x')]) {
      assert.equal(await blockedBy(driver, ask), undefined, ask.kind);
    }
  });

  it('covers all below with depth infinity, also what comes to be there', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    await driver.lock('d', { token: 'urn:d' });
    for (const ask of [put('d/sub/g'), put('d/sub/new'), folder('d/x'), remove('d/sub'), move('other', 'd/sub/x')]) {
      assert.deepEqual(await blockedBy(driver, ask), ['d'], ask.kind);
      assert.equal(await blockedBy(driver, ask, holding(['d', 'urn:d'])), undefined, ask.kind);
    }
    assert.equal(await blockedBy(driver, put('beside')), undefined);
    assert.equal(driver.store.reader.locksCovering(path('d/sub/nothing'), driver.now).length, 1);
  });

  it('protects only the folder and its members with depth 0', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    await driver.lock('d', { token: 'urn:d', depth: 0 });
    for (const ask of [put('d/new'), remove('d/f'), move('d/f', 'x'), move('other', 'd/y'), patch('d'), remove('d')]) {
      assert.deepEqual(await blockedBy(driver, ask), ['d'], ask.kind);
      assert.equal(await blockedBy(driver, ask, holding(['d', 'urn:d'])), undefined, ask.kind);
    }
    for (const ask of [put('d/f'), patch('d/f'), put('d/sub/new'), remove('d/sub/g')]) {
      assert.equal(await blockedBy(driver, ask), undefined, ask.kind);
    }
  });

  it('asks for the tokens of all locks below what is removed or replaced', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    await driver.lock('d/f', { token: 'urn:f' });
    await driver.lock('d/sub/g', { token: 'urn:g' });
    for (const ask of [remove('d'), move('d', 'x'), copy('other', 'd')]) {
      assert.deepEqual(await blockedBy(driver, ask), ['d/f', 'd/sub/g'], ask.kind);
      assert.deepEqual(await blockedBy(driver, ask, holding(['d/f', 'urn:f'])), ['d/sub/g']);
      assert.equal(await blockedBy(driver, ask, holding(['d/f', 'urn:f'], ['d/sub/g', 'urn:g'])), undefined);
    }
    assert.deepEqual(await blockedBy(driver, remove('d/sub')), ['d/sub/g']);
  });

  it('counts a token as submitted in any list, but not under Not, and only for its principal', async (context) => {
    const driver = await begin(context);
    await driver.put('f');
    await driver.lock('f', { token: 'urn:f', principal: 'ada' });
    const asAda = { ...put('f'), principal: 'ada' } as Ask;
    const not = { resource: 'request', conditions: [{ not: true, kind: 'token', value: 'urn:x' }] } as const;
    const other = { resource: null, conditions: [{ not: false, kind: 'token', value: 'urn:f' }] } as const;
    assert.equal(await blockedBy(driver, asAda, { ifLists: [not, other] }), undefined);
    assert.deepEqual(await blockedBy(driver, asAda, { ifLists: [not] }), ['f']);
    assert.deepEqual(await blockedBy(driver, put('f'), submitting('urn:f')), ['f']);
  });

  it('grants shared locks beside each other and exclusive ones alone', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    const shared = { scope: 'shared' } as const;
    await driver.lock('d/f', { ...shared, token: 'urn:1' });
    await driver.lock('d', { ...shared, token: 'urn:2' });
    await assert.rejects(driver.lock('d/f', { token: 'urn:3' }), (error) => {
      assert.ok(hasCode(error, 'LOCKED'));
      assert.equal((error as DriveError).details.condition, 'no-conflicting-lock');
      return true;
    });
    await assert.rejects(driver.lock('d', { token: 'urn:3' }), withCode('LOCKED'));
    await driver.lock('d/sub/g', { ...shared, token: 'urn:4', depth: 0 });
    await driver.lock('other', { token: 'urn:5' });
    await assert.rejects(driver.lock('other', { ...shared, token: 'urn:6' }), withCode('LOCKED'));
    await assert.rejects(driver.lock('/', { ...shared, token: 'urn:6' }), withCode('LOCKED'));
    await driver.lock('/', { token: 'urn:7', depth: 0 });
    // One token of several shared locks on a file is enough; none is not.
    assert.deepEqual(await blockedBy(driver, put('d/f')), ['d', 'd/f']);
    assert.equal(await blockedBy(driver, put('d/f'), holding(['d', 'urn:2'])), undefined);
  });

  it('makes an empty file when it locks an unmapped path', async (context) => {
    const driver = await begin(context);
    const { created, entry, lock } = await driver.lock('new', { token: 'urn:n' });
    assert.equal(created, true);
    assert.equal(entry?.sizeBytes, 0);
    assert.deepEqual(lock?.path, ['new']);
    assert.ok(driver.store.reader.content(entry!.content!));
    await assert.rejects(driver.lock('none/new', { token: 'urn:m' }), withCode('PARENT_MISSING'));
    await driver.lock('/', { token: 'urn:r', depth: 0 });
    await assert.rejects(driver.lock('new2', { token: 'urn:m' }), withCode('LOCKED'));
    const none = { ...put('new'), conditions: { ifNoneMatch: '*' } } as Ask;
    await assert.rejects(driver.submit(none), withCode('PRECONDITION_FAILED'));
  });

  it('refreshes the locks that are named and cover the path', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    const first = await driver.lock('d', { token: 'urn:d', timeoutMs: 10_000 });
    const refresh = (target: string, conditions?: Conditions) =>
      driver.submit({ kind: 'refresh-lock', path: path(target), timeoutMs: 50_000, conditions });
    const { lock } = await refresh('d/f', submitting('urn:d'));
    assert.deepEqual(lock, { ...first.lock, timeoutMs: 50_000, expires: driver.now + 50_000 });
    await assert.rejects(refresh('d/f'), withCode('PRECONDITION_FAILED'));
    await assert.rejects(refresh('d/f', submitting('urn:x')), withCode('PRECONDITION_FAILED'));
    await assert.rejects(refresh('other', holding(['d', 'urn:d'])), withCode('PRECONDITION_FAILED'));
    await assert.rejects(refresh('none', submitting('urn:d')), withCode('NOT_FOUND'));
    driver.now += 60_000;
    await assert.rejects(refresh('d', submitting('urn:d')), withCode('PRECONDITION_FAILED'));
  });

  it('ends with UNLOCK; an unknown token is refused, one that ended already is not', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    await driver.lock('d', { token: 'urn:d' });
    await driver.lock('other', { token: 'urn:o' });
    const unlock = (target: string, token: string, principal = '') =>
      driver.submit({ kind: 'unlock', path: path(target), token, principal });
    await assert.rejects(unlock('d', 'urn:never'), withCode('LOCK_TOKEN_MISMATCH'));
    await assert.rejects(unlock('d', 'urn:o'), withCode('LOCK_TOKEN_MISMATCH'));
    await assert.rejects(unlock('d', 'urn:d', 'eve'), withCode('FORBIDDEN'));
    await unlock('d/sub/g', 'urn:d');
    await unlock('d', 'urn:d');
    assert.deepEqual(driver.store.reader.locksCovering(path('d'), driver.now), []);
    await driver.submit({ ...remove('other'), conditions: submitting('urn:o') } as Ask);
    await unlock('other', 'urn:o');
  });

  it('forgets locks past their time when it meets them', async (context) => {
    const driver = await begin(context);
    await driver.put('f');
    await driver.lock('f', { token: 'urn:f', timeoutMs: 2_000 });
    assert.deepEqual(driver.store.reader.locksCovering(['f'], driver.now + 2_000), []);
    driver.now += 5_000;
    const { operations } = await driver.batch([put('f')]);
    assert.ok(operations.toString().includes('{"o":"unlock","token":"urn:f"}'));
    assert.ok(!(await driver.checkpoint()).bytes.toString().includes('urn:f'));
  });

  it('ends locks with DELETE, with what is replaced, and with MOVE unless they follow; never copies them', async (context) => {
    const driver = await begin(context);
    await tree(driver);
    await driver.lock('d/f', { token: 'urn:f' });
    const locked = (target: string) =>
      driver.store.reader.locksCovering(path(target), driver.now).map((lock) => lock.token);
    const conditions = { conditions: holding(['d/f', 'urn:f']) };
    await driver.submit(copy('d', 'e'));
    assert.deepEqual(locked('e/f'), []);
    await driver.submit({ ...move('d', 'x', true), ...conditions } as Ask);
    assert.deepEqual(locked('x/f'), ['urn:f']);
    const token = { conditions: holding(['x/f', 'urn:f']) };
    await driver.submit({ ...put('x/f'), ...token } as Ask);
    await driver.submit({ ...move('x', 'd'), ...token } as Ask);
    assert.deepEqual(locked('d/f'), []);
    await driver.lock('d/f', { token: 'urn:f2' });
    await driver.lock('other', { token: 'urn:o' });
    await driver.submit({ ...copy('d/sub/g', 'other'), conditions: holding(['other', 'urn:o']) } as Ask);
    assert.deepEqual(locked('other'), []);
    await driver.submit({ ...remove('d'), conditions: holding(['d/f', 'urn:f2']) } as Ask);
    assert.ok(!(await driver.checkpoint()).bytes.toString().includes('"o":"lock"'));
  });

  it('bounds owners', async (context) => {
    const driver = await begin(context);
    await assert.rejects(driver.lock('f', { owner: 'x'.repeat(20_000) }), withCode('LIMIT_EXCEEDED'));
    assert.equal(driver.lookup('f'), undefined);
  });
}
