/** GNOME Files: GVFS, through gio, which sends what Files sends. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { DesktopSession } from './tools/desktop-session.js';

const skip = missing({ tools: ['gio', 'dbus-daemon'], files: ['/usr/libexec/gvfsd-dav'] });

test('GNOME Files works with the drive as with a folder', { skip, timeout: 1_500_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const session = await DesktopSession.open(drive.workspace);
  const gio = (...args: string[]): Promise<string> => session.must('gio', args);
  const root = drive.url.replace(/^http/, 'dav');
  const local = async (name: string, text: string): Promise<string> => {
    const path = join(drive.workspace.path, name);
    await writeFile(path, text);
    return path;
  };
  await gio('mount', root);

  await context.test('copy in, list, read', async () => {
    await gio('copy', await local('plan', 'first'), `${root}plan.txt`);
    assert.equal(await gio('cat', `${root}plan.txt`), 'first');
    assert.match(await gio('list', '-l', root), /^plan\.txt\t5\t/m);
    assert.match(await gio('info', `${root}plan.txt`), /standard::content-type: text\/plain/);
    assert.equal(await drive.textOf('plan.txt'), 'first');
  });

  await context.test('save, and save again by a temporary file that is moved over it', async () => {
    await gio('copy', await local('second', 'second'), `${root}plan.txt`);
    assert.equal(await drive.textOf('plan.txt'), 'second');
    await gio('copy', await local('third', 'third'), `${root}.plan.txt.part`);
    await gio('move', `${root}.plan.txt.part`, `${root}plan.txt`);
    assert.deepEqual([await drive.textOf('plan.txt'), await drive.textOf('.plan.txt.part')], ['third', undefined]);
  });

  await context.test('a save over what somebody else changed meanwhile is refused', async () => {
    const [, tag = ''] = /etag::value: (\S+)/.exec(await gio('info', '-a', 'etag::value', `${root}plan.txt`)) ?? [];
    const save = (text: string) =>
      session.run('sh', ['-c', 'printf %s "$1" | gio save --etag "$2" "$3"', 'sh', text, tag, `${root}plan.txt`]);
    assert.equal((await save('mine')).code, 0);
    assert.notEqual((await save('stale')).code, 0);
    assert.equal(await drive.textOf('plan.txt'), 'mine');
  });

  await context.test('rename, and not onto a name that is taken', async () => {
    await gio('mkdir', `${root}Reise`);
    await gio('rename', `${root}plan.txt`, 'Über 100 % #1.txt');
    assert.equal(await drive.textOf('Über 100 % #1.txt'), 'mine');
    await gio('copy', await local('other', 'other'), `${root}other.txt`);
    assert.notEqual((await session.run('gio', ['rename', `${root}other.txt`, 'Über 100 % #1.txt'])).code, 0);
    assert.equal(await drive.textOf('other.txt'), 'other');
    assert.equal(await drive.textOf('Über 100 % #1.txt'), 'mine');
  });

  await context.test('move and copy folders', async () => {
    await gio('move', `${root}other.txt`, `${root}Reise/`);
    await gio('mkdir', `${root}2026`);
    await gio('move', `${root}Reise`, `${root}2026/`);
    assert.equal(await drive.textOf('2026/Reise/other.txt'), 'other');
    assert.deepEqual(await drive.witness.list(''), ['2026/', 'Über 100 % #1.txt'].sort());
    await gio('copy', `${root}2026/Reise/other.txt`, `${root}copy.txt`);
    assert.equal(await drive.textOf('copy.txt'), 'other');
  });

  await context.test('delete', async () => {
    await gio('remove', `${root}copy.txt`);
    assert.equal(await drive.textOf('copy.txt'), undefined);
    assert.notEqual((await session.run('gio', ['remove', `${root}2026`])).code, 0, 'a folder that holds something');
  });

  await context.test('read back after reconnecting; free space', async () => {
    await gio('mount', '-u', root);
    await gio('mount', root);
    const tree = await gio('tree', root);
    assert.match(tree, /Reise[\s\S]*other\.txt[\s\S]*Über 100 % #1\.txt/);
    assert.equal(await gio('cat', `${root}2026/Reise/other.txt`), 'other');
    const said = await gio('info', '-f', root);
    const [size, free] = ['size', 'free'].map((name) =>
      Number(new RegExp(`filesystem::${name}: (\\d+)`).exec(said)?.[1]),
    );
    assert.ok(free! > 0 && size! >= free!, said);
    await gio('mount', '-u', root);
  });

  await drive.mustHaveServedWell();
});
