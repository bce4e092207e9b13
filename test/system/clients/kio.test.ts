/** KDE's Dolphin: KIO, through kioclient5 (KDE Frameworks 5; what version 6 does differently is replayed elsewhere). */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { DesktopSession } from './tools/desktop-session.js';

const skip = missing({ tools: ['kioclient5', 'dbus-daemon'] });

test('Dolphin works with the drive as with a folder', { skip, timeout: 1_500_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const session = await DesktopSession.open(drive.workspace);
  const attempt = (...args: string[]) => session.run('kioclient5', ['--noninteractive', ...args]);
  const kio = (...args: string[]): Promise<string> => session.must('kioclient5', ['--noninteractive', ...args]);
  const root = drive.url.replace(/^http/, 'webdav');
  const local = await drive.workspace.folder('local');
  await mkdir(join(local, 'Reise'));
  await writeFile(join(local, 'Reise', 'plan.txt'), 'first');
  await writeFile(join(local, 'other.txt'), 'other');

  await context.test('a folder is copied in, listed and read', async () => {
    await kio('copy', join(local, 'Reise'), `${root}Reise`);
    assert.deepEqual(words(await kio('ls', `${root}Reise`)), ['plan.txt']);
    assert.equal(await kio('cat', `${root}Reise/plan.txt`), 'first');
    assert.equal(await drive.textOf('Reise/plan.txt'), 'first');
  });

  await context.test('save, and save again', async () => {
    for (const text of ['second', 'third']) {
      await writeFile(join(local, 'changed.txt'), text);
      await kio('copy', '--overwrite', join(local, 'changed.txt'), `${root}Reise/plan.txt`);
      assert.equal(await drive.textOf('Reise/plan.txt'), text);
    }
    assert.deepEqual(await drive.witness.list('Reise/'), ['plan.txt']);
  });

  await context.test('what is there is not overwritten unasked, neither by a copy nor by a move', async () => {
    await kio('copy', join(local, 'other.txt'), `${root}other.txt`);
    assert.notEqual((await attempt('copy', join(local, 'other.txt'), `${root}Reise/plan.txt`)).code, 0);
    assert.notEqual((await attempt('move', `${root}other.txt`, `${root}Reise/plan.txt`)).code, 0);
    assert.equal(await drive.textOf('Reise/plan.txt'), 'third');
    await kio('remove', `${root}other.txt`);
  });

  await context.test('rename, and move a folder', async () => {
    await kio('move', `${root}Reise/plan.txt`, `${root}Reise/Über 100 %25.txt`);
    assert.equal(await drive.textOf('Reise/Über 100 %.txt'), 'third');
    await kio('move', `${root}Reise`, `${root}Fahrt`);
    assert.deepEqual(await drive.witness.list(''), ['Fahrt/']);
    assert.equal(await drive.textOf('Fahrt/Über 100 %.txt'), 'third');
  });

  await context.test('read back with a new process, into a local folder', async () => {
    await kio('copy', `${root}Fahrt`, join(local, 'back'));
    assert.equal(await readFile(join(local, 'back', 'Über 100 %.txt'), 'utf8'), 'third');
  });

  await context.test('delete', async () => {
    await kio('remove', `${root}Fahrt/Über 100 %25.txt`);
    await kio('remove', `${root}Fahrt`);
    assert.deepEqual(await drive.witness.list(''), []);
  });

  await drive.mustHaveServedWell();
});

/** Names in a listing of kioclient5, without the folder itself. */
const words = (said: string): string[] => said.split('\n').filter((line) => line !== '' && line !== '.');
