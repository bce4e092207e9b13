/** The benchmark, as small as it gets, so that it does not rot. Its figures are not looked at: they mean nothing here. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

interface Data {
  readonly places: readonly {
    readonly figures: readonly {
      readonly figure: { readonly id: string; readonly isDetail?: boolean };
      readonly medians: Readonly<Record<string, number>>;
    }[];
  }[];
}

test('every workload of the benchmark runs and gives its figures, as a table, as data and as a picture', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [json, picture] = [join(folder, 'figures.json'), join(folder, 'figures.svg')];
  const args = ['--quick', '--peer', 'holdfast', '--dir', folder, '--json', json, '--picture', picture];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  const { places } = JSON.parse(await readFile(json, 'utf8')) as Data;
  const values = places[0]!.figures.filter(({ figure }) => figure.isDetail !== true);
  assert.ok(values.length > 25, `only ${values.length} figures`);
  for (const { figure, medians } of values) {
    assert.ok(Number.isFinite(medians.holdfast), `${figure.id}: ${medians.holdfast}`);
  }
  assert.match(stdout, /^random 64 KiB ranges, 4 clients +per s +[\d.,]+/m);
  assert.match(await readFile(picture, 'utf8'), /^<svg [\s\S]*class="bar own"[\s\S]*<\/svg>\n$/);
  assert.deepEqual((await readdir(folder)).sort(), ['figures.json', 'figures.svg'], 'temporary data stays behind');
});
