import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  chooseRecipe,
  describeMounting,
  isSameUrl,
  loginParameters,
  parseMounts,
} from '../../src/cli/mount-recipes.js';
import { linux, macos, type Platform, windows } from '../../src/core/platform.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell } from './fake-context.js';

const url = 'http://127.0.0.1:4918/home/';

const choices: readonly (readonly [Platform, boolean, readonly string[], string])[] = [
  [linux, true, ['mount.davfs', 'rclone', 'fusermount3', 'gio', '/dev/fuse'], 'davfs2'],
  [linux, false, ['mount.davfs', 'rclone', 'fusermount3', 'gio', '/dev/fuse'], 'rclone'],
  [linux, true, ['rclone', 'fusermount', '/dev/fuse'], 'rclone'],
  [linux, true, ['mount.davfs', 'rclone', 'fusermount3', 'gio'], 'gio'],
  [linux, false, ['rclone', 'gio', '/dev/fuse'], 'gio'],
  [macos, false, [], 'macos'],
  [windows, false, [], 'windows'],
];

for (const [platform, isRoot, present, expected] of choices) {
  const who = isRoot ? 'root' : 'a person';
  test(`${who} on ${platform.name} with ${present.join(', ') || 'nothing'} mounts by ${expected}`, async () => {
    const { host } = new FakeShell('/');
    const has = async (name: string) => present.includes(name);
    const chosen = await chooseRecipe(platform, { ...host, isRoot, hasProgram: has, hasFile: has }, undefined);
    assert.equal(chosen.name, expected);
  });
}

test('where no tool is installed, mounting says what to install', async () => {
  const { host } = new FakeShell('/');
  await assert.rejects(chooseRecipe(linux, host, undefined), {
    code: 'TOOL_MISSING',
    hint: /apt install rclone fuse3/,
  });
});

test('every system is told how to reach the drive', () => {
  for (const platform of [linux, macos, windows]) {
    const text = describeMounting({ platform, url, mountCommand: 'holdfast mount d' }).join('\n');
    assert.match(text, /holdfast mount d/);
    assert.match(text, /Browser +http:\/\/127\.0\.0\.1:4918\/$/);
  }
});

test('mounts of the drive are found in the mount table, escapes undone, others left out', () => {
  const table = [
    '/dev/sda1 / ext4 rw 0 0',
    'http://127.0.0.1:4918/home/ /mnt/my\\040drive fuse rw 0 0',
    'http://127.0.0.1:4918/home/ /mnt/r fuse.rclone rw 0 0',
    'gvfsd-fuse /run/user/0/gvfs fuse.gvfsd-fuse rw 0 0',
    '',
  ].join('\n');
  assert.deepEqual(parseMounts(table), [
    { source: url, where: '/mnt/my drive', recipe: 'davfs2' },
    { source: url, where: '/mnt/r', recipe: 'rclone' },
  ]);
  assert.ok(isSameUrl('http://h/a', 'http://h/a/'));
  assert.ok(!isSameUrl('http://h/a', 'http://h/ab'));
});

const onLinux = { skip: process.platform === 'linux' ? false : 'reads the mount table' };

async function shellOnLinux(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  const present = ['rclone', 'fusermount3', '/dev/fuse'];
  const has = async (name: string) => present.includes(name);
  shell.host = { ...shell.host, hasProgram: has, hasFile: has };
  return shell;
}

async function whileServing(shell: FakeShell, use: () => Promise<void>, ...options: string[]): Promise<void> {
  const server = new FakeShell(shell.workingDirectory);
  const ending = server.run('serve', 'volume', ...options);
  await server.out.holds('Ctrl-C stops it.');
  try {
    await use();
  } finally {
    server.stop.abort();
    await ending;
  }
}

test('mount runs the recipe with the address of the running server', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  await whileServing(shell, async () => {
    assert.equal(await shell.run('mount', 'volume'), 0);
    assert.equal(await shell.run('mount', 'volume', 'there'), 0);
  });
  const script = '/recipes/linux-rclone.sh';
  assert.deepEqual(shell.programs, [
    ['sh', script, 'mount', url, '/home/ada/holdfast/home'],
    ['sh', script, 'mount', url, join(shell.workingDirectory, 'there')],
  ]);
});

test('mount names the user and the certificate to the recipe, and asks for no password itself', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  await whileServing(
    shell,
    async () => {
      assert.equal(await shell.run('mount', 'volume', 'there', '--user', 'ana'), 0);
      shell.host = {
        ...shell.host,
        isRoot: true,
        readMountTable: async () => `${shell.programs[0]![3]} /mnt/a fuse rw`,
      };
      assert.equal(await shell.run('unmount', 'volume'), 0);
    },
    '--host',
    '0.0.0.0',
    '--no-announce',
  );
  const pem = await readFile(join(shell.workingDirectory, 'volume', 'tls-certificate.pem'));
  const { fingerprint256 } = new X509Certificate(pem);
  const [mounted, unmounted] = shell.programs;
  const local = 'https://127.0.0.1:4918/home/';
  const login = ['--user', 'ana', '--fingerprint', fingerprint256];
  const there = join(shell.workingDirectory, 'there');
  assert.deepEqual(mounted, ['sh', '/recipes/linux-rclone.sh', 'mount', local, there, ...login]);
  assert.deepEqual(unmounted, ['sh', '/recipes/linux-davfs2.sh', 'unmount', '/mnt/a']);
});

test('the options of a login are spelled as each recipe reads them', () => {
  const login = { user: 'ana', fingerprint: 'AB:CD' };
  assert.deepEqual(loginParameters('rclone', login), ['--user', 'ana', '--fingerprint', 'AB:CD']);
  assert.deepEqual(loginParameters('windows', login), ['-user', 'ana', '-fingerprint', 'AB:CD']);
  assert.deepEqual(loginParameters('macos', {}), []);
});

test('mount without a server says to start one', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  assert.equal(await shell.run('mount', 'volume'), 1);
  assert.match(shell.err.text, /Next: {2}run "holdfast serve volume"/);
  assert.deepEqual(shell.programs, []);
});

test('mount without any tool prints how to do it by hand', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  shell.host = { ...shell.host, hasProgram: async () => false };
  await whileServing(shell, async () => {
    assert.equal(await shell.run('mount', 'volume'), 1);
  });
  assert.match(shell.out.text, /dav:\/\/127\.0\.0\.1:4918\/home\//);
  assert.match(shell.err.text, /apt install/);
});

test('a recipe that fails makes the command fail', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  shell.host = { ...shell.host, run: async () => 1 };
  await whileServing(shell, async () => {
    assert.equal(await shell.run('mount', 'volume'), 1);
  });
});

test('unmount by place works without a server, by DIR it finds every place', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  const where = join(shell.workingDirectory, 'there');
  const table = [
    `http://127.0.0.1:4918/home/ ${where} fuse.rclone rw 0 0`,
    'http://127.0.0.1:4918/home /mnt/second fuse rw 0 0',
    'http://127.0.0.1:4918/other/ /mnt/other fuse rw 0 0',
  ].join('\n');
  shell.host = { ...shell.host, readMountTable: async () => table };
  assert.equal(await shell.run('unmount', 'there'), 0);
  assert.deepEqual(shell.programs.splice(0), [['sh', '/recipes/linux-rclone.sh', 'unmount', where]]);
  await whileServing(shell, async () => {
    assert.equal(await shell.run('unmount', 'volume'), 0);
  });
  assert.deepEqual(shell.programs, [
    ['sh', '/recipes/linux-rclone.sh', 'unmount', where],
    ['sh', '/recipes/linux-davfs2.sh', 'unmount', '/mnt/second'],
  ]);
});

test('unmount of what is not mounted names what is', onLinux, async (t) => {
  const shell = await shellOnLinux(t);
  shell.host = { ...shell.host, readMountTable: async () => 'http://127.0.0.1:4918/home/ /mnt/a fuse rw 0 0' };
  assert.equal(await shell.run('unmount', 'elsewhere'), 1);
  assert.match(shell.err.text, /mounted are: \/mnt\/a/);
});
