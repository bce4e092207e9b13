/**
 * Passwords come from a terminal, asked twice and not shown, or as the first line of standard input for scripts; never from
 * the command line, which every account of the machine can read.
 */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { longestPassword } from '../../access/credentials.js';
import { DriveError } from '../../core/errors.js';
import type { CommandContext } from '../command-context.js';

const shortest = 8;

/** USAGE for a password that is too short, too long, or not the same twice. */
export async function askNewPassword({ input, terminal, stop }: CommandContext, name: string): Promise<string> {
  const questions = input.isTty ? [`Password for ${name}: `, 'Once more: '] : [];
  const silent = new Writable({ write: (_bytes, _encoding, done) => done() });
  const lines = createInterface({ input: input.stream, output: silent, terminal: input.isTty, signal: stop });
  // What the terminal sends must not come back.
  lines.on('SIGINT', () => lines.close());
  try {
    const answers = lines[Symbol.asyncIterator]();
    const answer = async (): Promise<string> => {
      const { value, done } = await answers.next();
      if (done && input.isTty) terminal.note('');
      if (done) throw new DriveError('USAGE', { message: 'no password was given', hint: 'nothing was changed' });
      return value;
    };
    if (questions.length === 0) return checked(await answer());
    const typed: string[] = [];
    for (const question of questions) {
      terminal.err.write(question);
      typed.push(await answer());
      terminal.note('');
    }
    if (typed[0] !== typed[1]) throw new DriveError('USAGE', { message: 'the two passwords are not the same' });
    return checked(typed[0]!);
  } finally {
    lines.close();
  }
}

function checked(password: string): string {
  if (password.length >= shortest && password.length <= longestPassword && !/\p{Cc}/u.test(password)) return password;
  throw new DriveError('USAGE', {
    message: `a password has ${shortest} to ${longestPassword} characters, without control characters`,
    hint: 'choose a longer one: several words are easy to remember and hard to guess',
  });
}
