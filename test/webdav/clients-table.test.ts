/** docs/clients.md: every requirement has a row, every row a test of that name, every such test a row. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs/clients.md'), 'utf8');

const range = (letter: string, first: number, last: number, digits = 2) =>
  Array.from({ length: last - first + 1 }, (_, at) => `${letter}${String(first + at).padStart(digits, '0')}`);
const required = [
  ...range('M-', 1, 16),
  ...range('M-', 20, 28),
  ...range('M-', 30, 44),
  'M-36b',
  'M-36c',
  ...range('S-', 1, 21),
  ...range('F', 1, 10, 1),
  ...range('W', 1, 9, 1),
];

interface Row {
  readonly id: string;
  /** From the repository's root. */
  readonly files: readonly string[];
  readonly state: string;
}

const rows: readonly Row[] = [...page.matchAll(/^\| ([MSN]-\d\d[bc]?|[FW]\d+) \|(.*)\|(.*)\|(.*)\|$/gm)].map(
  ([, id, , tests, state]) => ({
    id: id!,
    files: [...tests!.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => normalize(join('docs', link!))),
    state: state!.trim(),
  }),
);

const titlesByFile = new Map<string, string[]>();
function titlesOf(file: string): string[] {
  let titles = titlesByFile.get(file);
  if (!titles) {
    const text = readFileSync(join(root, file), 'utf8');
    titles = [...text.matchAll(/\btest\(\s*(['"`])(.*?)\1/g)].map(([, , title]) => title!);
    titlesByFile.set(file, titles);
  }
  return titles;
}

/** What a test is for stands before the colon. F3a to F3d are steps of F3. */
function idsOf(title: string): string[] {
  const [before = ''] = title.split(':', 1);
  return before === title ? [] : before.split(' ').map((id) => id.replace(/^(F\d)[a-d]$/, '$1'));
}

test('every requirement has one row, and no row is for nothing', () => {
  const ids = rows.map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id, at) => ids.indexOf(id) !== at),
    [],
    'twice',
  );
  assert.deepEqual(
    required.filter((id) => !ids.includes(id)),
    [],
    'without a row',
  );
  assert.deepEqual(
    ids.filter((id) => !required.includes(id) && !id.startsWith('N-')),
    [],
    'no requirement',
  );
});

test('the tests that a row names exist', () => {
  for (const { id, files } of rows) {
    assert.ok(files.length > 0, `${id} names no test`);
    for (const file of files)
      assert.ok(
        titlesOf(file).some((title) => idsOf(title).includes(id)),
        `${file} has no test of ${id}`,
      );
  }
});

test('each state is one of those that mean something, and what is not met says why', () => {
  for (const { id, state } of rows) assert.match(state, /^(?:met|(?:met|partly|differs|not yet|not planned): .+)$/, id);
  for (const [, anchor] of page.matchAll(/\]\(#(\w+)\)/g)) assert.ok(page.includes(`<a id="${anchor}">`), anchor);
});

test('every test that bears an id has its row', () => {
  const folders = ['test/webdav/conformance', 'test/webdav/replays'];
  const files = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)));
  for (const file of [...files.filter((name) => name.endsWith('.test.ts')), 'test/system/conformance.test.ts']) {
    assert.ok(titlesOf(file).length > 0, dirname(file));
    for (const title of titlesOf(file)) {
      const ids = idsOf(title);
      assert.ok(ids.length > 0, `${file}: ${title} bears no id`);
      for (const id of ids)
        assert.ok(
          rows.some((row) => row.id === id && row.files.includes(file)),
          `${file}: ${title}`,
        );
    }
  }
});
