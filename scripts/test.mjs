/**
 * npm test [-- PART ...], npm run test:system [-- PART ...]: builds, then runs the test files whose path contains one of
 * the parts (all of them without). `--name TEXT` runs only tests whose name contains TEXT. The last line is
 * `N passed, N failed, N skipped`.
 * With CI set, a test skipped because something is not installed (its reason begins with "missing:") has failed.
 */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { fail, prepare, root } from './bootstrap.mjs';

const testFolder = join(root, 'dist', 'test');
/** For one file; a test that hangs must not hang everything. */
const fileLimitMs = { ordinary: 4 * 60_000, system: 45 * 60_000 };

/** They take the longest, so they begin first; what they wait for leaves room for the others. */
const longest = [
  'rclone-pulled',
  'davfs-pulled',
  'power-cuts',
  'errors',
  'disks',
  'rare-errors',
  'torn-and-killed',
  'ext4',
  'xfs',
  'recovery-cuts',
];

/** They use all processors, and what time is left: they run when the others have ended. */
const last = ['simulation'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { system: { type: 'boolean', default: false }, name: { type: 'string', multiple: true } },
});

await prepare();
const files = chooseFiles(values.system, positionals);
if (files.length === 0) fail('No test file has such a name.');
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const some of [files.filter((file) => !isLast(file)), files.filter(isLast)]) {
  if (some.length > 0) await runTests(some, counts);
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

function chooseFiles(system, parts) {
  const wanted = parts.map((part) => part.replace(/^(\.\/)?(dist\/)?test\//, '').replace(/\.[jt]s$/, ''));
  return readdirSync(testFolder, { recursive: true })
    .filter((name) => name.endsWith('.test.js') && name.startsWith(`system${sep}`) === system)
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.split(sep).join('/').includes(part)))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map((name) => join(testFolder, name));
}

function rank(name) {
  const place = longest.findIndex((part) => name.includes(`${sep}${part}`));
  return name.startsWith(`system${sep}`) && place >= 0 ? place : longest.length;
}

function isLast(file) {
  return values.system && last.some((part) => file.endsWith(`${sep}${part}.test.js`));
}

async function runTests(files, counts) {
  const stream = run({
    files,
    // For two processors: tests spend much of their time waiting for disks, clients and the clock.
    concurrency: 3,
    timeout: values.system ? fileLimitMs.system : fileLimitMs.ordinary,
    testNamePatterns: values.name?.map((name) => new RegExp(escapeText(name))),
  });
  stream.on('test:pass', (test) => count(test, counts));
  stream.on('test:fail', (test) => countFailure(test, counts));
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report);
}

function count({ name, file, skip, todo, details }, counts) {
  if (details.type === 'suite') return;
  // The runner reports a file by its own name when no test in it ran.
  if (files.includes(name)) {
    if (values.name) return;
    counts.failed += 1;
    process.stdout.write(`failed, for it holds no test: ${relative(root, name)}\n`);
    return;
  }
  if (skip === undefined && todo === undefined) {
    counts.passed += 1;
  } else if (process.env.CI && typeof skip === 'string' && skip.startsWith('missing:')) {
    counts.failed += 1;
    process.stdout.write(`failed, for CI has to have everything: ${name} (${skip}) in ${relative(root, file ?? '')}\n`);
  } else {
    counts.skipped += 1;
  }
}

function countFailure({ todo, details }, counts) {
  if (todo !== undefined) counts.skipped += 1;
  // A suite that failed because of its tests is counted by them; one that failed by itself (a hook) has to count.
  else if (details.type !== 'suite' || details.error?.failureType !== 'subtestsFailed') counts.failed += 1;
}

function escapeText(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
