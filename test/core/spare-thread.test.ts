import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { SpareThread } from '../../src/core/threads/spare-thread.js';

const module = new URL(
  `data:text/javascript,${encodeURIComponent(
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', (what) => what === 'end' ? process.exit() : parentPort.postMessage(what));",
  )}`,
);

async function answerOf(thread: ReturnType<SpareThread['take']>, word: string): Promise<unknown> {
  thread.postMessage(word);
  const [answer] = await once(thread, 'message');
  return answer;
}

test('a thread that is kept is the next one; a second one ends', async () => {
  const threads = new SpareThread(module);
  const [first, second] = [threads.take(), threads.take()];
  assert.notEqual(first, second);
  await threads.keep(first);
  await threads.keep(second);
  assert.equal(second.threadId, -1, 'it has ended');
  assert.equal(threads.take(), first);
  assert.equal(await answerOf(first, 'still here'), 'still here');
  await first.terminate();
});

test('a thread that ends while it is kept is not handed out', async () => {
  const threads = new SpareThread(module);
  const ended = threads.take();
  await threads.keep(ended);
  await ended.terminate();
  const next = threads.take();
  assert.notEqual(next, ended);
  assert.equal(await answerOf(next, 'new'), 'new');
  await next.terminate();
});
