/** Which history counts, decided from what present nodes and the index know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../src/core/errors.js';
import { genesisHash } from '../../src/segment/journal-batch.js';
import type { DamagedJournalFile } from '../../src/store/journal/journal-reader.js';
import { decideHistory, type History, positionOf } from '../../src/volume/history/history.js';
import { withCode } from '../suites/index-driver.js';
import { batchBytes, Story } from './history-story.js';

/** Two members A and B; one, two, three; then perhaps more. */
function begun(members = 'AB'): Story {
  const story = new Story();
  story.epoch('e', null, members);
  story.batch('1', 'e');
  story.batch('2', '1');
  story.batch('3', '2');
  return story;
}

const kindOf = (history: History | undefined, node: string) => history?.positions.get(node)?.kind;

test('nothing anywhere is no history', () => {
  assert.equal(decideHistory({ tip: undefined, knownEpochs: [], keptHeads: [], nodes: [] }), undefined);
});

test('the longest chain among the present members is the history', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', ['e', '1', '2'])]);
  assert.equal(history?.tip.hash, '3');
  assert.deepEqual(
    history.chain.map((link) => link.hash),
    ['e', '1', '2', '3'],
  );
  assert.deepEqual(history.positions.get('B'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('one present member is enough', () => {
  const story = begun();
  assert.equal(story.decide([story.node('B', ['e', '1', '2', '3']), story.node('C', ['e'])])?.tip.hash, '3');
});

test('a follower that holds more than the members does not count', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2']), story.node('C', ['e', '1', '2', '3'])]);
  assert.equal(history?.tip.hash, '2');
  assert.deepEqual(history.positions.get('C'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('without a member of the newest epoch it can only be read, and the members are named', () => {
  const story = begun();
  assert.throws(
    () => story.decide([story.node('C', ['e', '1', '2', '3'])]),
    (error) => hasCode(error, 'READ_ONLY') && String(error.hint).includes('A or B'),
  );
});

test('epochs are compared by descent, never by length', () => {
  const story = begun();
  story.epoch('f', '1', 'B');
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', ['e', '1', 'f'])]);
  assert.equal(history?.tip.hash, 'f');
  assert.equal(kindOf(history, 'A'), 'forked');
});

test('one batch beyond the fork was never acknowledged', () => {
  for (const members of ['AB', 'A']) {
    const story = begun(members);
    story.epoch('f', '2', 'AB');
    const history = story.decide([story.node('A', ['e', '1', '2', '3', 'f']), story.node('B', ['e', '1', '2', 'f'])]);
    assert.equal(history?.tip.hash, 'f', members);
    assert.equal(kindOf(history, 'A'), 'on-chain', `of an epoch with members ${members}`);
  }
});

test('a batch that a follower alone took is left behind, also in an epoch with one member', () => {
  const story = begun('A');
  const history = story.decide([story.node('A', ['e', '1', '2']), story.node('B', ['e', '1', '2', '3'])]);
  assert.equal(history?.tip.hash, '2');
  assert.equal(kindOf(history, 'B'), 'on-chain');
});

for (const members of ['A', 'AD']) {
  test(`what was saved in an epoch of ${members} that the history does not stand on is refused`, () => {
    const story = begun();
    story.epoch('x', '3', members);
    story.batch('x1', 'x');
    story.epoch('f', '3', 'BC');
    const nodes = [
      story.node('A', ['e', '1', '2', '3', 'x', 'x1']),
      story.node('B', ['e', '1', '2', '3', 'f']),
      story.node('C', ['e', '1', '2', '3', 'f']),
    ];
    const history = story.decide(nodes, 'f');
    assert.equal(history?.tip.hash, 'f');
    assert.deepEqual(history.positions.get('A'), { kind: 'forked', sequence: 4, beyond: 1 });
  });
}

/** e 1 2 3, then f 4 5 6 7 without A, of which only 6 and 7 are kept. */
function longAfter(nodeOf: (story: Story) => ReturnType<Story['node']>, knows = (_: string) => true): string {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.batch('x1', 'x');
  story.epoch('f', '2', 'BC');
  let last = 'f';
  for (const name of ['4', '5', '6', '7']) last = story.batch(name, last);
  const epochs = new Map(['e', 'f', 'x'].filter(knows).map((name) => [name, story.batches.get(name)!.row!] as const));
  const kept = ['6', '7'].map((name) => story.batches.get(name)!);
  return positionOf(nodeOf(story), kept, epochs).kind;
}

test('a node that went on alone is refused, however long ago that was', () => {
  assert.equal(
    longAfter((story) => story.node('A', ['e', '1', '2', '3', 'x', 'x1'])),
    'forked',
  );
  const inTheSameEpoch = (story: Story) => {
    story.batch('3b', '3');
    return story.node('A', ['e', '1', '2', '3', '3b']);
  };
  assert.equal(longAfter(inTheSameEpoch), 'forked');
});

test('a node that is only far behind is not refused', () => {
  assert.equal(
    longAfter((story) => story.node('A', ['e', '1', '2'])),
    'on-chain',
  );
  assert.equal(
    longAfter((story) => story.node('A', ['e', '1', '2', '3'])),
    'on-chain',
    'one that was not acknowledged',
  );
  assert.equal(
    longAfter((story) => story.node('A', ['e', '1', '2', '3', 'x'])),
    'on-chain',
    'an epoch without a change',
  );
  assert.equal(
    longAfter((story) => story.node('A', ['e', '1', '2', 'f', '4'])),
    'on-chain',
  );
  const all = (story: Story) => story.node('A', ['e', '1', '2', 'f', '4']);
  assert.equal(
    longAfter(all, (name) => name !== 'e'),
    'on-chain',
    'with an epoch unknown nothing is told',
  );
});

test('the epoch that the index serves decides between two children', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.epoch('f', '3', 'B');
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x']), story.node('B', ['e', '1', '2', '3', 'f'])];
  assert.equal(story.decide(nodes, 'f')?.tip.hash, 'f');
  assert.equal(story.decide(nodes, 'x')?.tip.hash, 'x');
  assert.deepEqual(story.decide(nodes, 'f')?.dead, ['x']);
});

test('where both children saved something, and no index tells which was served, it is refused', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.batch('x1', 'x');
  story.epoch('f', '3', 'B');
  story.batch('f1', 'f');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x', 'x1']), story.node('B', [...first, 'f', 'f1'])];
  assert.throws(() => story.decide(nodes), withCode('UNAVAILABLE'));
  assert.equal(story.decide(nodes, 'f')?.tip.hash, 'f1');
});

test('an epoch in which nothing was saved gives way to one in which something was', () => {
  const story = begun();
  story.epoch('x', '3', 'AC');
  story.epoch('f', '3', 'BD');
  story.batch('f1', 'f');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x']), story.node('B', [...first, 'f', 'f1'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f1');
});

test('an epoch of which no member is here may have saved what cannot be seen', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.epoch('f', '3', 'B');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x']), story.node('C', [...first, 'f'])];
  assert.throws(() => story.decide(nodes), withCode('READ_ONLY'));
});

test('an epoch that is not on all of its present members gives way to one that is', () => {
  const story = begun();
  story.epoch('x', '3', 'AB');
  story.epoch('f', '3', 'B');
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x']), story.node('B', ['e', '1', '2', '3', 'f'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f');
});

test('an attempt that the next one names does not compete', () => {
  const story = begun();
  story.epoch('x', '3', 'AC');
  story.epoch('f', '3', 'A', ['x']);
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x', 'f']), story.node('B', ['e', '1', '2', '3'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f');
});

test('an index that is behind stands on the chain; one that is ahead is a witness', () => {
  const story = begun();
  const behind = story.decide([story.node('A', ['e', '1', '2', '3'])], '1');
  assert.deepEqual([behind?.tip.hash, behind?.indexOnChain], ['3', true]);
  const ahead = story.decide([story.node('A', ['e', '1', '2'])], '3', ['3']);
  assert.deepEqual([ahead?.tip.hash, ahead?.indexOnChain], ['3', true]);
  assert.deepEqual(ahead?.positions.get('A'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('an index that holds what the history left behind is off the chain', () => {
  const story = begun();
  story.epoch('f', '2', 'A');
  assert.equal(story.decide([story.node('A', ['e', '1', '2', 'f'])], '3')?.indexOnChain, false);
});

test('a journal of which only later batches are read goes on from the index', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['2', '3'])], '2');
  assert.deepEqual([history?.tip.hash, history?.indexOnChain, history?.chain.length], ['3', true, 2]);
});

test('a node that lost its whole journal stands at nothing, not beyond a fork', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', [])], '3');
  assert.deepEqual(history?.positions.get('B'), { kind: 'on-chain', sequence: 0, hash: genesisHash });
});

/** A damaged file of the epoch, from its first batch on. */
function damagedFrom(epoch: string, sizeBytes = 1_000_000): DamagedJournalFile {
  return { name: `damaged-${epoch}`, epoch, firstSequence: 1, sizeBytes };
}

test('a damaged journal alone does not say where the history ends while a member is away', () => {
  const story = begun();
  const damaged = story.node('A', ['e', '1'], { damagedFiles: [damagedFrom('e')] });
  assert.throws(
    () => story.decide([damaged]),
    (error) => hasCode(error, 'READ_ONLY') && String(error.hint).includes('B'),
  );
  assert.throws(() => story.decide([damaged], 'e'), withCode('READ_ONLY'), 'an index that is behind is no witness');
  // Whether it ends before the damage or beyond it: the file may go on past both.
  assert.throws(
    () => story.decide([damaged], '2', ['2']),
    withCode('READ_ONLY'),
    'nor is one that goes on past the damage',
  );
  assert.equal(story.decide([damaged, story.node('B', ['e', '1', '2', '3'])])?.tip.hash, '3', 'a whole member has it');
  const whole = story.node('A', ['e', '1', '2', '3'], { damagedFiles: [] });
  assert.equal(story.decide([whole])?.tip.hash, '3');
});

test('a damaged file beside a good one that has room for all that it held hides nothing', () => {
  const story = begun();
  const held = ['e', '1', '2', '3'];
  const bytesUpTo3 = 4 * batchBytes;
  const beside = (sizeBytes: number, names = held) =>
    story.decide([story.node('A', names, { damagedFiles: [damagedFrom('e', sizeBytes)] })], 'e');
  assert.equal(beside(bytesUpTo3)?.tip.hash, '3');
  assert.throws(() => beside(bytesUpTo3 + 1), withCode('READ_ONLY'), 'it may have gone on');
  // What stands behind a hole is no part of the chain.
  assert.throws(() => beside(bytesUpTo3, ['e', '1', '3']), withCode('READ_ONLY'));
});

test('members that are damaged at different places hold the history together', () => {
  const story = begun();
  const nodes = [
    story.node('A', ['e', '2', '3'], { damagedFiles: [damagedFrom('e')] }),
    story.node('B', ['e', '1', '3'], { damagedFiles: [damagedFrom('e')] }),
  ];
  const history = story.decide(nodes);
  assert.deepEqual([history?.tip.hash, history?.chain.length], ['3', 4]);
  assert.deepEqual(history?.positions.get('A'), { kind: 'on-chain', sequence: 1, hash: 'e' });
});

test('damage in files of an earlier epoch does not matter; a file of an unknown epoch does', () => {
  const story = begun();
  story.epoch('f', '3', 'AB');
  assert.equal(
    story.decide([story.node('A', ['e', '1', 'f'], { damagedFiles: [damagedFrom('e')] })], 'f')?.tip.hash,
    'f',
  );
  const story2 = begun();
  assert.throws(
    () => story2.decide([story2.node('A', ['e', '1', '2', '3'], { damagedFiles: [damagedFrom('unknown')] })]),
    withCode('READ_ONLY'),
  );
});
