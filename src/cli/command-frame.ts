/** What all commands share: how they end, how they read operands and options. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from './command-context.js';
import type { ExitCode } from './exit-codes.js';
import { printable } from './output/format.js';

/** Runs a command's body; reports its error as "could not ACTION" and keeps the exit code. Never rejects. */
export type Act = (
  action: string,
  options: { readonly json?: boolean | undefined },
  body: () => Promise<ExitCode>,
) => Promise<void>;

/** Makes one command; `act` is given by the program. */
export type CommandMaker = (context: CommandContext, act: Act) => Command;

export const directoryArgument = ['<DIR>', "the volume's directory"] as const;
export const nodeArgument = ['<NODE>', 'its label, the beginning of its id, or its path'] as const;
export const jsonOption = ['--json', 'print one JSON document on one line'] as const;

/** Examples below the help of a command; each is a command line and what it does. */
export function examples(...lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const rows = lines.map(([command, meaning]) => `  $ ${command.padEnd(width)}   ${meaning}`);
  return `\nExamples:\n${rows.join('\n')}\n`;
}

/** An operand as an absolute path. */
export function absolute(context: CommandContext, path: string): string {
  return resolve(context.workingDirectory, path);
}

/** Parser of a whole number within bounds, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

const longestName = 100;

/** What lists show on one line, and commands can tell from a path; for commander. */
export function plainName(text: string): string {
  const isPlain = text.trim() === text && printable(text) === text && !/[/\\]/.test(text);
  if (isPlain && text !== '' && text.length <= longestName) return text;
  throw new InvalidArgumentError(`It is 1 to ${longestName} characters, without slashes and spaces around it.`);
}

/** Parser of a number above 0. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It is a number above 0.');
}

const unitMs = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;
const longestMs = 10 * 365 * unitMs.d;

/** `30min`, `2h`, `7d`, `2w`; for commander. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(min|h|d|w)$/.exec(text) ?? [];
  const durationMs = Math.round(Number(amount) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN));
  if (durationMs > 0 && durationMs <= longestMs) return durationMs;
  throw new InvalidArgumentError('It is a number with its unit: 30min, 2h, 7d or 2w.');
}

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
