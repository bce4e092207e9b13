/**
 * lftp: mirrors folders over HTTP with WebDAV. It takes a name as a folder only with a slash behind it. It sends a stray
 * line behind the body of each PROPPATCH, which the recorder between client and server would not bear.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { mustRun } from '../tools/commands.js';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';

const skip = missing({ tools: ['lftp'] });

// After each upload it closes the connection and waits this long before it opens the next one; its own default is 15 s.
const settings = ['set net:max-retries 3', 'set net:reconnect-interval-base 1', 'set http:use-propfind yes'];

test('lftp mirrors to the drive and back', { skip, timeout: 900_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const local = await drive.workspace.folder('local');
  await mkdir(join(local, 'tree', 'inner'), { recursive: true });
  await writeFile(join(local, 'tree', 'one.txt'), 'one');
  await writeFile(join(local, 'tree', 'inner', 'zwei ü.txt'), 'two');
  await writeFile(join(local, 'first'), 'first');
  await writeFile(join(local, 'second'), 'second');
  const lftp = (...commands: string[]): Promise<string> =>
    mustRun('lftp', ['-c', [...settings, `open ${drive.server.url}`, ...commands].join('\n')], {
      cwd: local,
      env: { HOME: local },
    });

  await context.test('put, put again, rename', async () => {
    await lftp(
      'mkdir work',
      'cd work/',
      'put first -o plan.txt',
      'put second -o plan.txt',
      'mv plan.txt "neu 100%.txt"',
    );
    assert.equal(await drive.textOf('work/neu 100%.txt'), 'second');
    assert.deepEqual(await drive.witness.list('work/'), ['neu 100%.txt']);
  });

  await context.test('mirror a tree in, move it, mirror it back with another process', async () => {
    await lftp('cd work/', 'mirror -R tree tree', 'mv tree moved');
    assert.equal(await drive.textOf('work/moved/inner/zwei ü.txt'), 'two');
    await lftp('cd work/', 'mirror moved back');
    assert.equal(await readFile(join(local, 'back', 'inner', 'zwei ü.txt'), 'utf8'), 'two');
    assert.equal(await readFile(join(local, 'back', 'one.txt'), 'utf8'), 'one');
  });

  await context.test('mirroring what is there already sends nothing', async () => {
    // What it would do: times of folders and rights are not kept, files are.
    assert.doesNotMatch(await lftp('cd work/', 'mirror -R --dry-run tree moved'), /one\.txt|zwei/);
    await writeFile(join(local, 'tree', 'one.txt'), 'another one');
    assert.match(await lftp('cd work/', 'mirror -R --dry-run tree moved'), /one\.txt/);
  });

  await context.test('list, delete', async () => {
    assert.deepEqual((await lftp('cls work/')).trim().split('\n').sort(), ['work/moved/', 'work/neu 100%.txt']);
    await lftp('rm "work/neu 100%.txt"', 'rm -r work/moved', 'rmdir work/');
    assert.deepEqual(await drive.witness.list(''), []);
  });

  await drive.mustHaveServedWell();
});
