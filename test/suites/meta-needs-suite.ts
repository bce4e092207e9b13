/** Which segments want another number of copies than their files need, and how that is put right. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { EntryRow, SegmentRow } from '../../src/meta/rows.js';
import {
  type Ask,
  chunksOf,
  firstNode,
  type IndexDriver,
  path,
  secondNode,
  staged,
  thirdNode,
} from './index-driver.js';
import { protect } from './meta-protection-suite.js';
import type { Begin } from './meta-store-suite.js';

export function needsSuite(begin: Begin, propertyRuns: number): void {
  needs(begin);
  lowering(begin);
  anyStory(begin, propertyRuns);
}

const found = async ({ store }: IndexDriver) =>
  Object.fromEntries(
    (await store.segmentNeeds()).segments.map(({ segment, replicas, kind }) => [segment, [kind, replicas]]),
  );

function needs(begin: Begin): void {
  it('finds nothing to do where nothing has a number of its own', async (context) => {
    const driver = await begin(context);
    await driver.put('x');
    await driver.seal();
    assert.deepEqual(await driver.store.segmentNeeds(), { asOf: driver.tip.sequence, segments: [] });
  });

  it('raises what a demanding file lies in, and lowers what only undemanding ones need', async (context) => {
    const driver = await begin(context);
    for (const folder of ['precious', 'scratch']) await driver.makeFolder(folder);
    await driver.put('precious/a');
    await driver.put('scratch/a', 'beside it');
    const mixed = await driver.seal();
    await driver.put('scratch/b');
    const alone = await driver.seal();
    await driver.put('scratch/c', 'shared');
    await driver.put('c', 'shared');
    const shared = await driver.seal();
    await protect(driver, 'precious', 3);
    await protect(driver, 'scratch', 1);
    assert.deepEqual(await found(driver), { [mixed]: ['more', 3], [alone]: ['fewer', 1] });
    await driver.delete('c');
    await driver.prune();
    assert.deepEqual((await found(driver))[shared], ['fewer', 1]);
    await driver.submit({ kind: 'copy', path: ['scratch', 'b'], target: ['b'], overwrite: false, depth: 0 });
    assert.equal((await found(driver))[alone], undefined, 'the copy shares the content');
  });

  it('finds what was moved, what is served by too few, and spare copies', async (context) => {
    const driver = await begin(context);
    for (const folder of ['precious', 'scratch']) await driver.makeFolder(folder);
    await protect(driver, 'precious', 3);
    await protect(driver, 'scratch', 1);
    driver.wanted = 1;
    await driver.put('scratch/a');
    const segment = await driver.seal();
    assert.deepEqual(await found(driver), { [segment]: ['spare', 1] });
    await driver.operations([{ o: 'relocate', segment, nodes: [firstNode] }]);
    assert.deepEqual(await found(driver), {});
    const move = (from: string, to: string) =>
      driver.submit({ kind: 'move', path: path(from), target: path(to), overwrite: false, locksFollow: false });
    await move('scratch/a', 'a');
    assert.deepEqual(await found(driver), { [segment]: ['more', null] });
    await move('a', 'precious/a');
    assert.deepEqual(await found(driver), { [segment]: ['more', 3] });
  });

  it('neither raises nor lowers for the sake of what ended or was not put yet', async (context) => {
    const driver = await begin(context);
    await driver.makeFolder('scratch');
    await protect(driver, 'scratch', 1);
    driver.wanted = 1;
    await driver.put('scratch/a', 'once');
    await driver.put('scratch/a', 'twice');
    await driver.operations([{ o: 'chunks', content: 90, first: 0, chunks: chunksOf('on its way') }]);
    const segment = await driver.seal();
    await driver.operations([{ o: 'relocate', segment, nodes: [firstNode] }]);
    assert.deepEqual(await found(driver), {});
    await driver.operations([{ o: 'want', segment, replicas: null }]);
    assert.deepEqual(await found(driver), {}, 'where the upload will be put is not known');
    await driver.operations([{ o: 'prune', entries: [], contents: [90] }]);
    assert.deepEqual(await found(driver), { [segment]: ['fewer', 1] });
  });
}

function lowering(begin: Begin): void {
  const raises: readonly (readonly [what: string, change: (driver: IndexDriver) => Promise<unknown>])[] = [
    ['a file moves to another setting', (driver) => move(driver, 'scratch/a', 'a')],
    ['a copy shares the content', (driver) => copy(driver, 'scratch/a', 'a')],
    ['a setting changes', (driver) => protect(driver, 'scratch', 2)],
    ['the same bytes are saved elsewhere', (driver) => driver.put('b', 'scratch/a')],
  ];
  for (const [what, change] of raises) {
    it(`lowers nothing on old knowledge: ${what}`, async (context) => {
      const { driver, segment } = await lowerable(begin, context);
      const { asOf } = await driver.store.segmentNeeds();
      await change(driver);
      const request = { kind: 'want', asOf, segments: [{ segment, replicas: 1, nodes: [firstNode] }] } as const;
      assert.deepEqual((await driver.submit(request)).wanted, []);
      assert.equal(driver.store.reader.segment(segment)?.wanted, 2);
    });
    it(`lowers nothing on old knowledge in one batch: ${what}`, async (context) => {
      const { driver, segment } = await lowerable(begin, context);
      const { asOf } = await driver.store.segmentNeeds();
      const asks: Ask[] = [];
      const recorder = { submit: async (ask: Ask) => asks.push(ask), put: async () => asks.push(putElsewhere) };
      await change(recorder as unknown as IndexDriver);
      const lower: Ask = { kind: 'want', asOf, segments: [{ segment, replicas: 1, nodes: [firstNode] }] };
      const { outcomes } = await driver.batch([...asks, lower]);
      assert.ok(outcomes.every(({ ok }) => ok));
      assert.equal(driver.store.reader.segment(segment)?.wanted, 2);
    });
  }

  it('gives up copies only where enough good ones stay', async (context) => {
    const { driver, segment } = await lowerable(begin, context);
    const { writer, reader } = driver.store;
    const ask = async (nodes: string[]) => {
      const { asOf } = await driver.store.segmentNeeds();
      await driver.submit({ kind: 'want', asOf, segments: [{ segment, replicas: 1, nodes }] });
      return reader.segment(segment)!.replicas.length;
    };
    await writer.setReplicaStates([{ segment, node: firstNode, state: 'damaged' }]);
    assert.equal(await ask([firstNode]), 2, 'a bad copy is not enough');
    assert.equal(await ask([]), 2);
    assert.equal(await ask([thirdNode]), 2, 'a node without a copy is not enough');
    assert.equal(await ask([secondNode]), 1);
    assert.equal(reader.segment(segment)?.wanted, 1);
  });

  it('leaves open segments alone', async (context) => {
    const driver = await begin(context);
    await driver.put('x');
    const { asOf } = await driver.store.segmentNeeds();
    const segments = [{ segment: driver.segment, replicas: 1 }];
    assert.deepEqual((await driver.submit({ kind: 'want', asOf, segments })).wanted, []);
  });
}

const putElsewhere: Ask = { kind: 'put', path: ['b'], content: staged('scratch/a') };

const move = (driver: Pick<IndexDriver, 'submit'>, from: string, to: string) =>
  driver.submit({ kind: 'move', path: path(from), target: path(to), overwrite: false, locksFollow: false });
const copy = (driver: Pick<IndexDriver, 'submit'>, from: string, to: string) =>
  driver.submit({ kind: 'copy', path: path(from), target: path(to), overwrite: false, depth: 'infinity' });

/** A sealed segment of which a scratch file is all. */
async function lowerable(
  begin: Begin,
  context: Parameters<Begin>[0],
): Promise<{ driver: IndexDriver; segment: string }> {
  const driver = await begin(context);
  await driver.makeFolder('scratch');
  await driver.put('scratch/a');
  const segment = await driver.seal();
  await protect(driver, 'scratch', 1);
  assert.deepEqual(await found(driver), { [segment]: ['fewer', 1] });
  return { driver, segment };
}

type Step = { readonly do: 'ask'; readonly ask: Ask } | { readonly do: 'seal' } | { readonly do: 'prune' };

const folders = ['a', 'a/b', 'c'];
const anyFolder = fc.constantFrom('', ...folders);
const anyFile = fc.tuple(anyFolder, fc.constantFrom('x', 'y')).map(([folder, name]) => path(`${folder}/${name}`));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(anyFile, fc.constantFrom('1', '2', '12345678', '5678'))
      .map(([at, text]) => asking({ kind: 'put', path: at, content: staged(text, 4) })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(anyFolder, fc.constantFrom(null, 1, 2, 3))
      .map(([folder, replicas]) => asking({ kind: 'protect', path: path(folder), replicas })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyFile, anyFile)
      .map(([from, to]) => asking({ kind: 'move', path: from, target: to, overwrite: true, locksFollow: false })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyFile, anyFile)
      .map(([from, to]) => asking({ kind: 'copy', path: from, target: to, overwrite: true, depth: 0 })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(anyFolder, anyFolder)
      .map(([from, to]) =>
        asking({ kind: 'move', path: path(from), target: path(`${to}/moved`), overwrite: true, locksFollow: false }),
      ),
  },
  { weight: 2, arbitrary: anyFile.map((at) => asking({ kind: 'delete', path: at })) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'seal' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'prune' }) },
);

const asking = (ask: Ask): Step => ({ do: 'ask', ask });

/** The walk over counted references finds what looking at every file finds. */
function anyStory(begin: Begin, propertyRuns: number): void {
  it('finds the need of every segment, whatever was done', async (context) => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 30 }), async (story) => {
        const driver = await begin(context);
        for (const folder of folders) await driver.makeFolder(folder);
        for (const step of story) {
          if (step.do === 'ask') await driver.batch([step.ask]);
          else if (step.do === 'prune') await driver.prune();
          else if (driver.store.reader.segment(driver.segment)) await driver.seal();
        }
        if (driver.store.reader.segment(driver.segment)) await driver.seal();
        await driver.prune();
        const { asOf, segments } = await driver.store.segmentNeeds();
        const expected = needsByFile(driver);
        assert.deepEqual(new Map(segments.map(({ segment, replicas }) => [segment, replicas ?? 2])), expected);
        await driver.submit({ kind: 'want', asOf, segments });
        assert.deepEqual((await driver.store.segmentNeeds()).segments, spareOnly(driver));
      }),
      { numRuns: propertyRuns },
    );
  });
}

/** Segments whose files need another number than they want, by looking at each file. All is pruned and sealed. */
function needsByFile({ store }: IndexDriver): Map<string, number> {
  const { reader } = store;
  const needed = new Map<string, number>();
  const visit = (folder: EntryRow, names: readonly string[]): void => {
    for (const row of reader.list(folder.id, '', 1_000).rows) {
      const at = [...names, row.name];
      if (row.kind === 'folder') visit(row, at);
      else {
        const need = reader.copiesAt(at) ?? 2;
        for (const { place } of reader.contentChunks(row.content!, 0, 1_000)) {
          needed.set(place!.segment, Math.max(need, needed.get(place!.segment) ?? 0));
        }
      }
    }
  };
  visit(reader.lookup([])!, []);
  const wants = new Map(reader.segments('', 1_000).map((row) => [row.id, row.wanted]));
  return new Map([...needed].filter(([segment, need]) => wants.get(segment) !== need));
}

const spareOnly = ({ store }: IndexDriver) => {
  const isSpare = ({ wanted, liveBytes }: SegmentRow) => wanted === 1 && liveBytes > 0;
  return store.reader
    .segments('', 1_000)
    .filter(isSpare)
    .map(({ id }) => ({ segment: id, replicas: 1, kind: 'spare' }));
};
