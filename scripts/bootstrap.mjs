/**
 * What the other scripts need first: the right Node, installed packages, a current build. Uses nothing but Node, so that
 * it runs on a fresh clone, and says what it waits for.
 */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
/** What is compiled, with a record of its own each; the program alone runs whatever state the tests are in. */
const builds = {
  all: { project: 'tsconfig.json', folders: ['src', 'test', 'bench'], stamp: '.built', record: '.tsbuildinfo' },
  program: {
    project: 'scripts/tsconfig.program.json',
    folders: ['src'],
    stamp: '.built-program',
    record: '.tsbuildinfo-program',
  },
};

const allPackages = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
/** As src/meta/sqlite/binding.ts chooses it. */
const sqlitePackage = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3';

/** Ends the process with a sentence unless Node, packages and build are ready. `only: 'program'` leaves tests out. */
export async function prepare({ rebuild = false, only = 'all' } = {}) {
  checkNode();
  await install();
  if (rebuild || isStale(builds[only])) await build(builds[only]);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 20)) return;
  fail(`holdfast needs Node 20.20 or newer; this is ${process.versions.node} (${process.execPath}).`);
}

async function install() {
  const lockfile = modifiedAt(path.join(root, 'package-lock.json'));
  const installed = modifiedAt(path.join(root, 'node_modules', '.package-lock.json'));
  // npm leaves out what the Node that runs it cannot load: to another one it is missing.
  const isThere = fs.existsSync(path.join(root, 'node_modules', sqlitePackage));
  if (installed === undefined || installed < lockfile || !isThere) {
    const what = "Installing packages (compiling SQLite's binding takes up to 90 seconds)";
    await mustRun(what, npm(allPackages));
  }
  // Another version of Node, or an npm that skipped install scripts.
  if (bindingLoads()) return;
  await mustRun("Compiling SQLite's binding (up to 90 seconds)", npm(['rebuild', sqlitePackage]));
  if (bindingLoads()) return;
  fail("SQLite's binding does not load. Install a C++ compiler and Python, remove node_modules and try again.");
}

function bindingLoads() {
  const require = createRequire(path.join(root, 'package.json'));
  try {
    const Database = require(sqlitePackage);
    new Database(':memory:').close();
    return true;
  } catch {
    return false;
  }
}

/** True when a source is newer than the build, or gone since. */
function isStale({ project, folders, stamp }) {
  const builtAt = modifiedAt(path.join(dist, stamp));
  if (builtAt === undefined || modifiedAt(path.join(dist, 'src', 'launch.cjs')) === undefined) return true;
  const inputs = ['tsconfig.json', project, 'package-lock.json'].map((name) => path.join(root, name));
  for (const folder of folders) inputs.push(...filesBelow(path.join(root, folder)));
  return inputs.some((file) => modifiedAt(file) > builtAt) || orphans(folders).length > 0;
}

async function build({ project, folders, stamp: stampName, record }) {
  const startedAt = new Date();
  const stamp = path.join(dist, stampName);
  for (const file of orphans(folders)) fs.rmSync(file);
  // tsc believes its record of what it wrote, not the folder.
  if (modifiedAt(stamp) === undefined) fs.rmSync(path.join(dist, record), { force: true });
  fs.rmSync(stamp, { force: true });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await mustRun('Building', { command: process.execPath, args: [compiler, '-p', path.join(root, project)] });
  // npm does this only when it links the program for the first time: in a folder that was cloned anew it does not.
  fs.chmodSync(path.join(dist, 'src', 'launch.cjs'), 0o755);
  fs.writeFileSync(stamp, '');
  // The time of the start: what is saved while the compiler runs is newer than the build.
  fs.utimesSync(stamp, startedAt, startedAt);
}

/** Files of the build whose source is gone: a deleted test must not run on. */
function orphans(folders) {
  return folders.flatMap((folder) =>
    filesBelow(path.join(dist, folder)).filter((file) => {
      const stem = path.relative(dist, file).replace(/(\.d)?\.(js|cjs|ts|cts)(\.map)?$/, '');
      return !['.ts', '.cts'].some((ending) => fs.existsSync(path.join(root, stem + ending)));
    }),
  );
}

function filesBelow(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((item) => item.isFile())
    .map((item) => path.join(item.parentPath || item.path, item.name));
}

function modifiedAt(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat?.mtimeMs;
}

function npm(args) {
  const cli = process.env.npm_execpath;
  if (cli && /\.c?js$/.test(cli)) return { command: process.execPath, args: [cli, ...args] };
  return { command: 'npm', args, shell: process.platform === 'win32' };
}

/** Runs quietly but visibly alive; what it said is shown when it fails, and then everything ends. */
async function mustRun(what, { command, args, shell = false }) {
  const ticker = startTicker(what);
  const output = [];
  const child = spawn(command, args, { cwd: root, shell, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (bytes) => output.push(bytes));
  child.stderr.on('data', (bytes) => output.push(bytes));
  const problem = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `exit ${signal || code}`));
  });
  ticker.stop();
  if (problem === undefined) return;
  process.stderr.write(Buffer.concat(output));
  fail(`${what}: failed (${problem}).`);
}

function startTicker(what) {
  const startedAt = Date.now();
  const seconds = () => Math.round((Date.now() - startedAt) / 1000);
  const { isTTY } = process.stderr;
  process.stderr.write(isTTY ? `${what} ...` : `${what} ...\n`);
  const show = () =>
    process.stderr.write(isTTY ? `\r${what} ... ${seconds()} s` : `  still at it after ${seconds()} s\n`);
  const timer = setInterval(show, isTTY ? 1000 : 15_000);
  return {
    stop() {
      clearInterval(timer);
      if (isTTY) process.stderr.write(`\r${what} ... ${seconds()} s\n`);
    },
  };
}

export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
