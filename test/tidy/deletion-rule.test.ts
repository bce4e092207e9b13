import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { deletionRule, idleAllowances } from './deletion-rule.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const messages = (path: string, text: string) => deletionRule([{ path, text }]).map(({ message }) => message);

test('whatever destroys bytes is found outside of its place', () => {
  for (const call of [
    'await fileIo.unlink(path);',
    'fs.unlinkSync(path);',
    'await file.truncate(0);',
    'await fileIo.rename(a, b);',
    'await rm(path, { force: true });',
    'await removeMade(paths);',
    "await node.store.remove('attic', name);",
    "await node.store.move('segments', name, 'attic', name);",
    "await node.store.cut('segments', name, 1);",
    "await to.store.put('segments', name, []);",
    'await this.attic.take(node, file);',
    "import { remove } from 'fs-extra/esm';",
  ]) {
    assert.notDeepEqual(messages('src/maintenance/cleaning/cleaner.ts', call), [], call);
  }
  assert.deepEqual(messages('src/maintenance/cleaning/cleaner.ts', '// store.cut(\nthis.parked.delete(segment);'), []);
  assert.deepEqual(messages('src/maintenance/deletion/attic.ts', "await node.store.remove('attic', name);"), []);
});

test('in the sources all destruction is where it may be, and no allowance is idle', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/${name.split(sep).join('/')}`)
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  assert.ok(files.length > 100);
  assert.deepEqual(
    deletionRule(files).map(({ file, line, message }) => `${file}:${line}: ${message}`),
    [],
  );
  assert.deepEqual(idleAllowances(files), []);
});
