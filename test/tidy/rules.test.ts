import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyExceptions } from './exceptions.js';
import {
  bannedCallRule,
  deadFileRule,
  fileSizeRule,
  folderSizeRule,
  functionSizeRule,
  layerRule,
  nameRule,
  ownerRule,
  privateTextRule,
  type Rule,
  testRule,
  type Violation,
} from './rules.js';

const messages = (rule: Rule, path: string, text: string) => rule([{ path, text }]).map(({ message }) => message);
const breaks = (rule: Rule, path: string, text: string) =>
  assert.notDeepEqual(messages(rule, path, text), [], `${path}: ${text}`);
const keeps = (rule: Rule, path: string, text: string) =>
  assert.deepEqual(messages(rule, path, text), [], `${path}: ${text}`);

test('imports go down the layers only', () => {
  keeps(layerRule, 'src/store/a.ts', "import { B } from '../node/b.js';");
  breaks(layerRule, 'src/node/b.ts', "import { A } from '../store/a.js';");
  breaks(layerRule, 'src/node/b.ts', "import type { A } from '../store/a.js';");
  breaks(layerRule, 'src/meta/sqlite/b.ts', "export * from '../../volume/a.js';");
  keeps(layerRule, 'src/meta/sqlite/b.ts', "import { a } from '../apply/a.js';");
  breaks(layerRule, 'src/core/a.ts', "const b = await import('../segment/b.js');");
  keeps(layerRule, 'src/drive-status.ts', "import type { NodeState } from './node/node-state.js';");
  breaks(layerRule, 'src/drive.ts', "import { startServer } from './server/server.js';");
  breaks(layerRule, 'src/cli/a.ts', "import { b } from '../volume/b.js';");
  breaks(layerRule, 'src/cli/a.ts', "import { b } from '../../test/b.js';");
  breaks(layerRule, 'src/other/a.ts', '');
});

test('webdav takes only types from volume', () => {
  keeps(layerRule, 'src/webdav/methods/get.ts', "import type { Volume } from '../../volume/volume.js';");
  breaks(layerRule, 'src/webdav/methods/get.ts', "import { Volume } from '../../volume/volume.js';");
});

test('packages stay with their owners', () => {
  keeps(ownerRule, 'src/meta/sqlite/a.ts', "import Database from 'better-sqlite3';");
  breaks(ownerRule, 'src/volume/a.ts', "import type Database from 'better-sqlite3';");
  breaks(ownerRule, 'src/volume/a.ts', "import { wfs } from 'webdav-server/lib/index.v2.js';");
  keeps(ownerRule, 'src/core/system-file-io.ts', "import * as fs from 'node:fs';");
  breaks(ownerRule, 'src/core/other.ts', "import * as fs from 'node:fs';");
  breaks(ownerRule, 'src/store/a.ts', "const fs = await import('node:fs/promises');");
});

test('banned calls are found in code and name their replacement', () => {
  const [message] = messages(bannedCallRule, 'src/store/a.ts', 'const a = Date.now();');
  assert.match(message ?? '', /Date\.now: use clock\.now\(\)/);
  keeps(bannedCallRule, 'src/core/clock.ts', 'Date.now(); setTimeout(a, 1);');
  keeps(bannedCallRule, 'src/store/a.ts', "// Date.now()\nconst a = 'setTimeout'; new Date(b);");
  for (const call of [
    'new Date()',
    'setTimeout(a, 1)',
    'setInterval(a, 1)',
    'Math.random()',
    'console.error(a)',
    'process.exit(1)',
    'process.env.A',
    'existsSync(a)',
    'export default a',
    'randomBytes(8)',
    '`${Date.now()}`',
  ]) {
    breaks(bannedCallRule, 'src/store/a.ts', `${call};`);
  }
  keeps(bannedCallRule, 'src/main.ts', 'process.exit(process.env.A);');
});

test('sizes have limits', () => {
  const lines = (count: number) => 'a;\n'.repeat(count);
  keeps(fileSizeRule, 'test/a.test.ts', lines(400));
  breaks(fileSizeRule, 'test/a.test.ts', lines(401));
  keeps(functionSizeRule, 'src/core/a.ts', `function a() {\n${lines(68)}}`);
  breaks(functionSizeRule, 'src/core/a.ts', `function a() {\n${lines(69)}}`);
  const folder = (path: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ path: `${path}/f${index}.ts`, text: '' }));
  assert.deepEqual(folderSizeRule(folder('src/store', 12)), []);
  assert.equal(folderSizeRule(folder('src/store', 13)).length, 1);
  assert.deepEqual(folderSizeRule(folder('src/cli/commands', 13)), []);
});

test('names say what a file does', () => {
  keeps(nameRule, 'src/core/base64.ts', '');
  keeps(nameRule, 'src/index.ts', '');
  for (const path of [
    'src/core/util.ts',
    'src/core/path-helpers.ts',
    'src/common/a.ts',
    'src/store/lock-manager.ts',
    'src/core/fileIo.ts',
    'src/store/index.ts',
  ]) {
    breaks(nameRule, path, '');
  }
});

test('a file that no entry point leads to is dead, workers and lazy imports live', () => {
  const dead = deadFileRule([
    { path: 'src/main.ts', text: "await import('./drive.js');" },
    { path: 'src/drive.ts', text: "new Worker(new URL('./store/worker.js', import.meta.url));" },
    { path: 'src/store/worker.ts', text: '' },
    { path: 'src/store/island.ts', text: "import './other-island.js';" },
    { path: 'src/store/other-island.ts', text: "import './island.js';" },
  ]);
  assert.deepEqual(
    dead.map(({ file }) => file),
    ['src/store/island.ts', 'src/store/other-island.ts'],
  );
});

test('tests run whole and repeatably', () => {
  breaks(testRule, 'test/a.test.ts', 'test.only(a);');
  breaks(testRule, 'test/a.test.ts', 'test(a, { only: true }, b);');
  breaks(testRule, 'test/a.test.ts', 'Math.random();');
});

test('no machine and no secret shows', () => {
  breaks(privateTextRule, 'docs/a.md', `see /${'work'}/main/src`);
  breaks(privateTextRule, 'docs/a.md', `see /${'root'}/.npmrc`);
  breaks(privateTextRule, 'a.pem', `-----${'BEGIN'} EC PRIVATE KEY-----`);
  breaks(privateTextRule, '.npmrc', `//host/:_auth${'Token'}=x`);
  keeps(privateTextRule, 'docs/a.md', 'http://127.0.0.1:4918/home/notes.txt and /work/report.doc');
});

test('an exception covers what it names, and may only shrink', () => {
  const found: Violation = { rule: 'file-size', file: 'src/a.ts', line: null, message: '', measure: 450 };
  const exception = { rule: 'file-size', file: 'src/a.ts', reason: 'a table' };
  const apply = (list: Parameters<typeof applyExceptions>[1], violations = [found]) => {
    const result = applyExceptions(violations, list);
    return [result.violations.length, result.complaints.length];
  };
  assert.deepEqual(apply([]), [1, 0]);
  assert.deepEqual(apply([exception]), [0, 0]);
  assert.deepEqual(apply([{ ...exception, upTo: 450 }]), [0, 0]);
  assert.deepEqual(apply([{ ...exception, upTo: 500 }]), [0, 1]);
  assert.deepEqual(apply([{ ...exception, upTo: 440 }]), [1, 1]);
  assert.deepEqual(apply([exception], []), [0, 1]);
});
