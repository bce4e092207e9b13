/**
 * npm test [-- PART ...], npm run test:system [-- PART ...]: builds, then runs the test files whose path contains one of
 * the parts (all of them without). `--name TEXT` runs only tests whose name contains TEXT. The last line is
 * `N passed, N failed, N skipped`; before it stands what long tests reached of what they aim at.
 * With CI set, a test skipped because something is not installed (its reason begins with "missing:") has failed.
 */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { fail, prepare, root } from './bootstrap.mjs';

const testFolder = join(root, 'dist', 'test');
/** For one file; a test that hangs must not hang everything. */
const fileLimitMs = { ordinary: 8 * 60_000, system: 54 * 60_000 };

/** They take the longest, so they begin first; what they wait for leaves room for the others. */
const longest = [
  'rclone-pulled',
  'davfs-pulled',
  'crash.',
  'damaged',
  'matrix',
  'davfs2-large',
  'fault-sweep',
  'hundred',
];

/** The sweeps take what time is left; so all others come before them, and what must be done in any case first of all. */
const last = ['recovery-cuts', 'power-cuts', 'errors', 'torn-and-killed', 'rare-errors'];

/** They take what the others leave of the processors, from the beginning to the end. Told when the others have ended. */
const aside = ['simulation'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { system: { type: 'boolean', default: false }, name: { type: 'string', multiple: true } },
});

await prepare();
// No test speaks to the world outside, and to read these certificates would take half of the start of each program.
delete process.env.NODE_EXTRA_CA_CERTS;
const files = chooseFiles(values.system, positionals);
if (files.length === 0) fail('No test file has such a name.');
const counts = { passed: 0, failed: 0, skipped: 0 };
const reached = [];
const reports = [];
await Promise.all([
  runTests(
    files.filter((file) => !isAside(file)),
    process.stdout,
  ),
  runTests(files.filter(isAside), heldBack(reports)),
]);
process.stdout.write(reports.join(''));
tellReached();
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
  if (!name.startsWith(`system${sep}`)) return 0;
  const place = [...longest, undefined, ...last].findIndex((part) => part && name.includes(`${sep}${part}`));
  return place >= 0 ? place : longest.length;
}

function isAside(file) {
  return values.system && aside.some((part) => file.endsWith(`${sep}${part}.test.js`));
}

function heldBack(pieces) {
  return new Writable({
    write(piece, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
}

async function runTests(files, output) {
  if (files.length === 0) return;
  const stream = run({
    files,
    // For two processors: tests spend much of their time waiting for disks, clients and the clock.
    concurrency: 3,
    timeout: values.system ? fileLimitMs.system : fileLimitMs.ordinary,
    testNamePatterns: values.name?.map((name) => new RegExp(escapeText(name))),
  });
  stream.on('test:pass', count);
  stream.on('test:fail', countFailure);
  stream.on('test:diagnostic', noteReached);
  const report = stream.compose(new spec());
  report.pipe(output, { end: false });
  await finished(report);
}

function count({ name, file, skip, todo, details }) {
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

function countFailure({ todo, details }) {
  if (todo !== undefined) counts.skipped += 1;
  // A suite that failed because of its tests is counted by them; one that failed by itself (a hook) has to count.
  else if (details.type !== 'suite' || details.error?.failureType !== 'subtestsFailed') counts.failed += 1;
}

/** `tellReached` of test/system/tools/time-left.ts. */
function noteReached({ message }) {
  const [, ...cells] = /^reached (\d+) of (\d+): (.*)$/.exec(message) ?? [];
  if (cells.length > 0) reached.push(cells);
}

function tellReached() {
  if (reached.length === 0) return;
  const lines = [['reached', 'aim', ''], ...reached];
  for (const [done, aim, what] of lines) process.stdout.write(`${done.padStart(8)} ${aim.padStart(8)}  ${what}\n`);
}

function escapeText(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
