/** Adding and removing nodes: what is refused, and the way on that is named. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '../../src/core/errors.js';
import { DriveError, hasCode } from '../../src/core/errors.js';
import { TestDrive } from './drive-fixture.js';

async function refuses(work: Promise<unknown>, code: ErrorCode, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof DriveError && hasCode(error, code), String(error));
    assert.match(error.message, message);
    assert.match(error.hint ?? '', hint);
    return true;
  });
}

test('a label that cannot stand in lists is refused before anything is made', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const path = join(drive.folder, 'd');
  for (const label of ['', 'x'.repeat(201), 'two\nlines', '\u001b[31m']) {
    await refuses(drive.drive.addNode({ path, label }), 'USAGE', /1 to 200 characters/, /--label/);
  }
  await refuses(drive.drive.addNode({ path, label: 'node-1' }), 'EXISTS', /node-1 already/, /--label/);
  assert.ok(!(await readdir(drive.folder)).includes('d'));
  await drive.drive.addNode({ path, label: 'x'.repeat(200) });
});

test('a healthy node is not removed when fewer nodes than copies would be left', async (t) => {
  const drive = await (await TestDrive.create(t, { nodes: ['a', 'b'] })).open();
  await refuses(
    drive.drive.removeNode({ node: 'node-2', lost: false }),
    'WOULD_LOSE_COPIES',
    /1 node would be left for 2 copies/,
    /add another node first/,
  );
  await drive.drive.addNode({ path: join(drive.folder, 'c') });
  await drive.drive.removeNode({ node: 'node-2', lost: false });
  assert.deepEqual((await drive.drive.status()).nodes.map((node) => node.label).sort(), ['node-1', 'node-3']);
});

test('the folder of a removed node is taken again once it is empty', async (t) => {
  const drive = await (await TestDrive.create(t)).open();
  const path = drive.nodePaths[2]!;
  await drive.drive.removeNode({ node: 'node-3', lost: false });
  await refuses(drive.drive.addNode({ path }), 'NODE_REFUSED', /node-3, which was removed/, /empty it first/);
  for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
  await drive.drive.addNode({ path });
  await drive.untilState('c', 'online');
});
