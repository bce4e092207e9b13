/** The scripts of mount/, run by `holdfast mount` and `holdfast unmount` as a person runs them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CommandResult, mustRun, runCommand } from '../tools/commands.js';
import { missing } from '../tools/requirements.js';
import { mountPointsBelow } from '../tools/workspace.js';
import { ClientDrive } from './tools/client-drive.js';
import { DesktopSession } from './tools/desktop-session.js';

const program = fileURLToPath(new URL('../../../src/launch.cjs', import.meta.url));
const recipes = fileURLToPath(new URL('../../../../mount/', import.meta.url));

type Environment = Readonly<Record<string, string>>;

const holdfast = (env: Environment, ...args: string[]): Promise<CommandResult> =>
  runCommand(process.execPath, [program, ...args], { env, timeoutMs: 300_000 });

async function must(env: Environment, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await holdfast(env, ...args);
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

const kernelRecipes = [
  { name: 'davfs2', needs: { tools: ['mount.davfs'], root: true, fuse: true } },
  { name: 'rclone', needs: { tools: ['rclone', 'fusermount3'], fuse: true } },
] as const;

for (const { name, needs } of kernelRecipes) {
  const options = { skip: missing(needs), timeout: 1_500_000 };
  test(`holdfast mounts and unmounts by ${name}, and leaves nothing behind`, options, async (context) => {
    const drive = await ClientDrive.open(context);
    const { workspace } = drive;
    const { directory } = drive.volume;
    const home = await workspace.folder('home');
    const env = { HOME: home, XDG_CACHE_HOME: join(home, '.cache') };
    const where = join(workspace.path, 'the drive');

    const said = await must(env, 'mount', directory, where, '--with', name);
    assert.match(said, /^Mounting http/m);
    assert.match(said, /To undo: .* unmount '/);
    assert.deepEqual(mountPointsBelow(workspace.path), [where]);
    await writeFile(join(where, 'letter.txt'), 'kept');
    await mkdir(join(where, 'folder'));

    const again = await holdfast(env, 'mount', directory, where, '--with', name);
    assert.match(again.stderr, /Error: something is mounted at .*\nNext: {2}if it is the drive/);
    assert.equal(again.code, 1);

    assert.match(await must(env, 'unmount', directory), /Unmounted\.$/m);
    assert.equal(await drive.textOf('letter.txt'), 'kept');
    assert.deepEqual(mountPointsBelow(workspace.path), []);
    assert.equal(existsSync(where), false, 'the folder that was made for the mount');
    const left = (await readdir(home, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    assert.deepEqual(left, [], 'caches and settings');

    await mkdir(where);
    await must(env, 'mount', directory, where, '--with', name);
    assert.equal(await readFile(join(where, 'letter.txt'), 'utf8'), 'kept');
    await must(env, 'unmount', where);
    assert.equal(existsSync(where), true, 'a folder of the person');

    await writeFile(join(where, 'own'), 'mine');
    const refused = await holdfast(env, 'mount', directory, where, '--with', name);
    assert.match(refused.stderr, /is not empty, and a mount would hide what it holds/);
    await rm(join(where, 'own'));
    await drive.mustHaveServedWell();
    const nobody = await runCommand('sh', [join(recipes, `linux-${name}.sh`), 'mount', drive.server.url, where], {
      env,
    });
    assert.match(nobody.stderr, /no server answers at/);
    assert.deepEqual(mountPointsBelow(workspace.path), []);
  });
}

const desktop = missing({
  tools: ['gio', 'dbus-daemon'],
  files: ['/usr/libexec/gvfsd-dav', '/usr/libexec/gvfsd-fuse'],
});

test('holdfast mounts and unmounts in a desktop session by gio', {
  skip: desktop,
  timeout: 1_500_000,
}, async (context) => {
  const drive = await ClientDrive.open(context);
  const session = await DesktopSession.open(drive.workspace);
  const env = session.environment;
  const { directory } = drive.volume;
  const url = drive.server.url.replace(/^http/, 'dav');

  const withoutSession = await holdfast({ ...env, DBUS_SESSION_BUS_ADDRESS: '' }, 'mount', directory, '--with', 'gio');
  assert.match(withoutSession.stderr, /this is no desktop session/);

  const said = await must(env, 'mount', directory, '--with', 'gio');
  assert.match(said, /^Mounting dav:.*\nMounted: in the side bar of Files\./m);
  await mustRun('sh', ['-c', 'printf kept | gio save "$1"', 'sh', `${url}letter.txt`], { env });
  assert.equal(await drive.textOf('letter.txt'), 'kept');

  await context.test('other programs find it in a folder', { skip: missing({ fuse: true }) }, async () => {
    const folder = /^For other programs: below (.*)$/m.exec(said)?.[1];
    assert.equal(folder, join(session.runtimeFolder, 'gvfs'));
    const listed = await session.must('find', [folder!, '-name', 'letter.txt']);
    assert.equal(await session.must('cat', [listed.trim()]), 'kept');
  });

  assert.match((await holdfast(env, 'mount', directory, '--with', 'gio')).stderr, /is mounted already/);
  assert.match(await must(env, 'unmount', directory), /Unmounted\.$/m);
  assert.match((await holdfast(env, 'unmount', directory)).stderr, /is not mounted/);
  await drive.mustHaveServedWell();
});

test('shellcheck finds nothing in the scripts', { skip: missing({ tools: ['shellcheck'] }) }, async () => {
  const scripts = (await readdir(recipes)).filter((file) => file.endsWith('.sh'));
  assert.ok(scripts.length >= 6);
  await mustRun('shellcheck', ['--shell', 'sh', '--external-sources', ...scripts], { cwd: recipes });
});
