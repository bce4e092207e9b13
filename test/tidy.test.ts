/** Keeps the house in order: layers, owners, sizes, names, banned calls, dead files, nothing private. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { applyExceptions, exceptions } from './tidy/exceptions.js';
import { codeRules, largeFiles, privateTextRule, type SourceFile, type Violation } from './tidy/rules.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

function sourceFiles(): SourceFile[] {
  return ['src', 'test', 'bench', 'scripts'].filter(isThere).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|cts|mjs)$/.test(name))
      .map((name) => readFile(`${folder}/${name.split(sep).join('/')}`)),
  );
}

/** Text files under version control that are there. */
function trackedFiles(): SourceFile[] {
  return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && isThere(path) && statSync(join(root, path)).isFile())
    .map(readFile)
    .filter(({ text }) => !text.includes('\0'));
}

const isThere = (path: string): boolean => existsSync(join(root, path));

function readFile(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

function describeViolation({ rule, file, line, message }: Violation): string {
  return `${file}${line === null ? '' : `:${line}`}: ${message} [${rule}]`;
}

function failOn(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(['', ...problems].join('\n  '));
}

const files = sourceFiles();

for (const [name, rule] of Object.entries(codeRules)) {
  test(`the house is tidy: ${name}`, () => {
    const own = exceptions.filter((exception) => exception.rule === name);
    const { violations, complaints } = applyExceptions(rule(files), own);
    failOn([...violations.map(describeViolation), ...complaints]);
  });
}

test('every exception names a rule that exists', () => {
  assert.deepEqual(
    exceptions.filter(({ rule }) => !(rule in codeRules)),
    [],
  );
});

test('long files are noted', (t) => {
  for (const note of largeFiles(files)) t.diagnostic(note);
});

test('no tracked file holds a path of one machine or a secret', (t) => {
  if (!isThere('.git')) return t.skip('not a git checkout');
  failOn(privateTextRule(trackedFiles()).map(describeViolation));
});
