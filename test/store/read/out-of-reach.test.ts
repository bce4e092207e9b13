/** What the reader of a file is told when a part of it lies only on nodes that are not here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DriveError } from '../../../src/core/errors.js';
import { noGoodCopy } from '../../../src/store/read/bad-copy.js';
import { type AwaitedNode, isGoneSince, placeNotKnown, withNextStep } from '../../../src/store/read/out-of-reach.js';

const node = (id: string, state: AwaitedNode['state'], more: Partial<AwaitedNode> = {}): AwaitedNode => ({
  id,
  label: `disk ${id}`,
  state,
  role: 'active',
  since: 1_000,
  ...more,
});

const copyOn = (...ids: string[]): DriveError =>
  noGoodCopy(
    's',
    ids.map((id) => ({ node: id, problem: 'unreachable', message: '' })),
  );

test('a chunk without a known place is damage only when no node is away and none has just come', () => {
  const codeWith = (...nodes: AwaitedNode[]) => placeNotKnown('c', nodes, 5_000).code;
  assert.equal(codeWith(node('a', 'online'), node('b', 'full')), 'DAMAGED');
  assert.equal(codeWith(node('a', 'online'), node('b', 'retired', { role: 'retired' })), 'DAMAGED');
  assert.equal(codeWith(node('a', 'online'), node('b', 'offline')), 'UNAVAILABLE');
  assert.equal(codeWith(node('a', 'online'), node('b', 'foreign')), 'UNAVAILABLE');
  assert.equal(codeWith(node('a', 'online'), node('b', 'online', { since: 5_001 })), 'UNAVAILABLE');
});

test('the answer names the disks that are away and says what to do', () => {
  const nodes = [node('a', 'online'), node('b', 'offline'), node('c', 'offline'), node('d', 'foreign')];
  const said = (error: DriveError) => withNextStep(error, nodes).message;
  assert.equal(said(copyOn('b')), 'a part of this file lies only on "disk b", which is not here: plug it in');
  assert.match(said(copyOn('b', 'c')), /lies only on "disk b" or "disk c", which are not here: plug in one of them$/);
  assert.match(said(copyOn('d')), /lies only on "disk d": "holdfast status" says/);
  const unknown = placeNotKnown('c', nodes.slice(0, 3), 5_000);
  assert.match(said(unknown), /may lie on "disk b" or "disk c", which are not here: plug in each of them$/);
  assert.match(said(noGoodCopy('s', [{ node: 'a', problem: 'damaged', message: '' }])), /"holdfast salvage" says/);
});

test('only nodes that are all away since then are not waited for', () => {
  const isGone = (since: number, ...nodes: AwaitedNode[]) => isGoneSince(copyOn('b', 'c'), nodes, since);
  const late = node('c', 'offline', { since: 3_000 });
  assert.equal(isGone(3_000, node('a', 'online'), node('b', 'offline'), late), true);
  assert.equal(isGone(2_999, node('a', 'online'), node('b', 'offline'), late), false);
  assert.equal(isGone(9_000, node('b', 'offline'), node('c', 'returning')), false);
  assert.equal(isGone(9_000, node('b', 'suspect'), node('c', 'offline')), false);
  // The volume is being opened again: that passes.
  assert.equal(isGoneSince(new DriveError('UNAVAILABLE'), [node('b', 'offline')], 9_000), false);
});

test('code and details stay, and other trouble keeps its words', () => {
  const error = copyOn('b');
  const told = withNextStep(error, [node('b', 'offline')]);
  assert.deepEqual([told.code, told.details], [error.code, error.details]);
  const other = new DriveError('UNAVAILABLE', { message: 'the volume is opened again' });
  assert.equal(withNextStep(other, [node('b', 'offline')]), other);
});
