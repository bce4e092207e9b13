/** Remembered answers: the same as asking again, at every moment that a commit has. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AnswerMemory } from '../../../src/meta/memory/answer-memory.js';
import { CommitCount } from '../../../src/meta/memory/commit-count.js';

function counted() {
  const commits = new CommitCount();
  const memory = new AnswerMemory(commits);
  let asked = 0;
  const ask = (key = 'question') =>
    memory.answer(key, () => {
      asked += 1;
      return asked;
    });
  return { commits, memory, ask };
}

test('an answer is remembered until the next commit', () => {
  const { commits, ask } = counted();
  assert.deepEqual([ask(), ask(), ask('other'), ask()], [1, 1, 2, 1]);
  commits.during(() => undefined);
  assert.deepEqual([ask(), ask()], [3, 3]);
});

test('while a commit is under way nothing is remembered and nothing remembered is told', () => {
  const { commits, ask } = counted();
  assert.equal(ask(), 1);
  commits.during(() => assert.deepEqual([ask(), ask()], [2, 3]));
  assert.equal(ask(), 4);
});

test('an answer during which a commit happened is not remembered', () => {
  const { commits, memory, ask } = counted();
  const during = memory.answer('question', () => {
    commits.during(() => undefined);
    return 'before or after';
  });
  assert.equal(during, 'before or after');
  assert.equal(ask(), 1);
});

test('a commit that fails is one too, and a question that throws is asked again', () => {
  const { commits, memory, ask } = counted();
  assert.equal(ask(), 1);
  assert.throws(() => commits.during(() => assert.fail('full disk')));
  assert.equal(ask(), 2);
  assert.throws(() => memory.answer('fails', () => assert.fail('damaged')));
  assert.equal(ask('fails'), 3);
});

test('the count is shared with whoever has its memory', () => {
  const { commits, ask } = counted();
  assert.equal(ask(), 1);
  new CommitCount(commits.shared).during(() => undefined);
  assert.equal(ask(), 2);
});
