/**
 * A test's work in a process of its own. Where tests run, the runner follows every promise, which takes a fifth more of a
 * processor, with its promises and its garbage together. A module is its own second program: there
 * `isApart` is true.
 */
import { fork } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const word = 'apart';

export const isApart = process.argv[2] === word && process.connected;

/** What `answerApart` answers in a process that runs the module at `url`; rejects with what it throws. */
export async function askApart<Question extends object, Answer>(
  context: TestContext,
  url: string,
  question: Question,
): Promise<Answer> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = fork(fileURLToPath(url), [word], {
    env,
    // What lives is little. V8 would look through all of it again and again, for less than it costs.
    execArgv: ['--initial-old-space-size=256'],
    serialization: 'advanced',
    signal: context.signal,
    killSignal: 'SIGKILL',
  });
  const answered = new Promise<Answer>((resolve, reject) => {
    child.once('message', (answer) => resolve(answer as Answer));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the process ended with ${code ?? signal} and no answer`)));
  });
  child.send(question);
  return answered;
}

/** For the other side. */
export function answerApart<Question, Answer>(work: (question: Question) => Promise<Answer>): void {
  // Nobody waits any more.
  const end = () => process.exit(1);
  process.once('disconnect', end);
  process.once('message', async (question) => {
    const answer = await work(question as Question);
    process.off('disconnect', end);
    process.send!(answer, () => process.disconnect());
  });
}
