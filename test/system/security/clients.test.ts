/** The clients people use, over TLS, as a user who may write. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { DesktopSession } from '../clients/tools/desktop-session.js';
import { type CommandResult, mustRun, runCommand } from '../tools/commands.js';
import { missing } from '../tools/requirements.js';
import { mountPointsBelow } from '../tools/workspace.js';
import { changeUser, GuardedDrive, reader, withInput, writer } from './tools/guarded-drive.js';

const timeout = 1_500_000;
/** For the browser, on a machine that does much else. */
const patienceMs = 180_000;
const program = fileURLToPath(new URL('../../../src/launch.cjs', import.meta.url));
const recipes = fileURLToPath(new URL('../../../../mount/', import.meta.url));

test('rclone', { skip: missing({ tools: ['rclone', 'curl'] }), timeout }, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const local = await drive.workspace.folder('local');
  for (let index = 0; index < 20; index++) await writeFile(join(local, `f${index}`), `content ${index}`);
  const obscured = (await mustRun('rclone', ['obscure', writer.password])).trim();
  const env = {
    RCLONE_CONFIG: join(drive.workspace.path, 'rclone.conf'),
    RCLONE_CONFIG_DRIVE_TYPE: 'webdav',
    RCLONE_CONFIG_DRIVE_URL: drive.url,
    RCLONE_CONFIG_DRIVE_VENDOR: 'other',
    RCLONE_CONFIG_DRIVE_USER: writer.name,
    RCLONE_CONFIG_DRIVE_PASS: obscured,
    RCLONE_CA_CERT: drive.certificateFile,
  };
  await mustRun('rclone', ['sync', local, 'drive:tree', '--retries', '1'], { env });
  await mustRun('rclone', ['check', '--download', local, 'drive:tree'], { env });
  const wrong = { ...env, RCLONE_CONFIG_DRIVE_PASS: (await mustRun('rclone', ['obscure', 'wrong'])).trim() };
  const refused = await runCommand('rclone', ['lsf', 'drive:', '--retries', '1', '--low-level-retries', '1'], {
    env: wrong,
  });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /401/);
  await drive.end();
});

test('cadaver', { skip: missing({ tools: ['cadaver', 'curl', 'script'] }), timeout }, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const home = await drive.workspace.folder('home');
  const file = join(home, 'plan.txt');
  await writeFile(file, 'the plan');
  await writeFile(join(home, '.netrc'), `machine 127.0.0.1 login ${writer.name} password ${writer.password}\n`);
  await chmod(join(home, '.netrc'), 0o600);
  const commands = `y\nput ${file}\nlock plan.txt\nput ${file} plan.txt\nunlock plan.txt\nls\nquit\n`;
  // It asks about the certificate only where a person sits.
  const terminal = ['-qec', `cadaver ${drive.url}`, '/dev/null'];
  const { stdout } = await withInput('script', terminal, commands, { HOME: home });
  assert.equal(stdout.match(/succeeded/g)?.length, 5, stdout);
  assert.equal(await drive.textOf('plan.txt'), 'the plan');
  await drive.end();
});

/** Everything that could end a word, a field or a line somewhere. */
const awkward = { name: 'cat', password: `pa ss"w\\ord #'$%s` };

for (const { name, needs, state } of [
  {
    name: 'davfs2',
    needs: { tools: ['mount.davfs', 'curl', 'openssl'], root: true, fuse: true },
    state: '/var/cache/holdfast',
  },
  { name: 'rclone', needs: { tools: ['rclone', 'fusermount3', 'curl', 'openssl', 'script'], fuse: true }, state: '' },
] as const) {
  test(`holdfast mount by ${name}, over TLS as a user`, { skip: missing(needs), timeout }, async (context) => {
    const drive = await GuardedDrive.open(context, '--tls');
    const { workspace, volume } = drive;
    await changeUser(['add', volume.directory, awkward.name], awkward.password);
    const home = await workspace.folder('home');
    const where = join(workspace.path, 'the drive');
    // As linux-state.sh names it: others may be mounted on this machine.
    const own = createHash('sha256').update(where).digest('hex').slice(0, 16);
    const stateFolder = join(state || join(home, '.cache', 'holdfast'), own);
    const environment = { HOME: home, XDG_CACHE_HOME: join(home, '.cache') };
    const mount = (input: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
      withInput(process.execPath, [program, 'mount', volume.directory, where, '--with', name, ...args], input, {
        ...environment,
        ...more,
      });
    const filesLeft = async () => {
      const found = await readdir(stateFolder, { recursive: true, withFileTypes: true }).catch(() => []);
      return found.filter((entry) => entry.isFile());
    };
    const refused = async (reason: RegExp, { code, stderr }: CommandResult) => {
      assert.equal(code, 1, stderr);
      assert.match(stderr, reason);
      assert.deepEqual([mountPointsBelow(workspace.path), await filesLeft()], [[], []]);
    };
    await refused(/the drive asks who you are[\s\S]*--user NAME/, await mount('', []));
    await refused(/no password was given/, await mount('', ['--user', awkward.name]));
    const wrong = { HOLDFAST_PASSWORD: 'not the password' };
    await refused(/see that name and password are right/, await mount('', ['--user', awkward.name], wrong));
    const script = join(recipes, `linux-${name}.sh`);
    const directly = (...args: string[]) =>
      withInput('sh', [script, 'mount', drive.url, where, '--user', 'cat', ...args], '', environment);
    await refused(/does not know the certificate[\s\S]*say --fingerprint [0-9A-F]{2}:/, await directly());
    await refused(/this is another certificate/, await directly('--fingerprint', 'ab'.repeat(32)));

    if (name === 'rclone') await asksAtTerminal([script, 'mount', drive.url, where], environment);

    const { code, stdout, stderr } = await mount(`${awkward.password}\n`, ['--user', awkward.name]);
    assert.equal(code, 0, `${stdout}${stderr}`);
    await writeFile(join(where, 'kept.txt'), 'by the kernel');
    await rename(join(where, 'kept.txt'), join(where, 'moved.txt'));
    assert.equal(await readFile(join(where, 'moved.txt'), 'utf8'), 'by the kernel');
    const [secret] = awkward.password.split(' ').slice(-1);
    for (const { parentPath, name: file } of await filesLeft()) {
      const path = join(parentPath, file);
      if (!(await readFile(path, 'latin1')).includes(secret!)) continue;
      assert.equal(name, 'davfs2', `${path}: rclone needs no file`);
      assert.equal((await stat(path)).mode & 0o777, 0o600, path);
    }
    assert.doesNotMatch(await commandLines(), /pa ss"w|cat:pa/);

    const unmounted = await withInput(process.execPath, [program, 'unmount', volume.directory], '', environment);
    assert.equal(unmounted.code, 0, unmounted.stderr);
    assert.equal(await drive.textOf('moved.txt'), 'by the kernel');
    assert.deepEqual([mountPointsBelow(workspace.path), await filesLeft()], [[], []]);
    await drive.end();
  });
}

/** A person is asked about the certificate, the name and the password, and the password is not shown. */
async function asksAtTerminal(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<void> {
  const command = ['sh', ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, ...environment } });
  const answers = [
    [/\(yes\/no\) $/, 'yes'],
    [/User name: $/, awkward.name],
    [/Password for cat: $/, awkward.password],
  ] as const;
  let [shown, asked] = ['', 0];
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString();
    const next = answers[asked];
    if (!next?.[0].test(shown)) return;
    asked += 1;
    child.stdin.write(`${next[1]}\n`);
  });
  const [code] = await once(child, 'exit');
  assert.deepEqual([code, asked], [0, answers.length], shown);
  assert.match(shown, /Mounted\./);
  assert.ok(!shown.includes(awkward.password), shown);
  const undo = await withInput('sh', [args[0]!, 'unmount', args[3]!], '', environment);
  assert.equal(undo.code, 0, undo.stderr);
}

/** Of all processes, as every account can read them. */
async function commandLines(): Promise<string> {
  const numbers = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const lines = await Promise.all(numbers.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return lines.join('\n').replaceAll('\0', ' ');
}

for (const secure of [true, false]) {
  const name = `GNOME Files ${secure ? 'over TLS' : 'by Digest'}`;
  const skip = missing({ tools: ['gio', 'dbus-daemon', 'curl'], files: ['/usr/libexec/gvfsd-dav'] });
  test(name, { skip, timeout }, async (context) => {
    const drive = await GuardedDrive.open(context, ...(secure ? ['--tls'] : []));
    const session = await DesktopSession.open(drive.workspace);
    const root = drive.url.replace(/^http/, 'dav').replace('://', `://${writer.name}@`);
    const { directory } = drive.volume;
    const holdfast = (input: string, ...args: string[]) =>
      withInput(process.execPath, [program, ...args], input, session.environment);
    const mount = ['mount', directory, '--with', 'gio', '--user', writer.name];
    const wrong = await holdfast('wrong\n', ...mount);
    assert.deepEqual([wrong.code, wrong.stdout.includes('Mounted')], [1, false], `${wrong.stdout}${wrong.stderr}`);
    const mounted = await holdfast(`${writer.password}\n`, ...mount);
    assert.equal(mounted.code, 0, `${mounted.stdout}${mounted.stderr}`);
    const file = join(drive.workspace.path, 'plan');
    await writeFile(file, 'the plan');
    await session.must('gio', ['copy', file, `${root}plan.txt`]);
    assert.equal(await session.must('gio', ['cat', `${root}plan.txt`]), 'the plan');
    assert.equal(await drive.textOf('plan.txt'), 'the plan');
    const unmounted = await holdfast('', 'unmount', directory);
    assert.match(unmounted.stdout, /Unmounted/, unmounted.stderr);
    assert.doesNotMatch(await session.must('gio', ['mount', '--list']), /dav/);
    await drive.end();
  });
}

test('Chromium', { skip: missing({ tools: ['curl'], files: ['/usr/bin/chromium'] }), timeout }, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
    timeout: patienceMs,
  });
  context.after(() => browser.close());
  const { name: username, password } = writer;
  const visitor = await browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: { username, password } });
  const page = await visitor.newPage();
  page.setDefaultTimeout(patienceMs);
  assert.equal((await page.goto(drive.url))?.status(), 200);
  const script =
    '<script>document.title = "ran"; fetch("/").then((r) => (document.title = "reached " + r.status))</script>';
  const stored = await page.evaluate(
    async (body) => (await fetch('evil.html', { method: 'PUT', body })).status,
    script,
  );
  assert.equal(stored, 201);
  await page.goto(`${drive.url}evil.html`);
  assert.doesNotMatch(await page.title(), /ran|reached/, 'what users store does not run');
  await looksOnly(browser, drive.url);
  const stranger = await browser.newContext({ ignoreHTTPSErrors: true });
  assert.equal((await stranger.request.get(drive.url)).status(), 401);
  await browser.close();
  await drive.end();
});

/** The page of a user who may only read: it works, and offers nothing that would be refused. */
async function looksOnly(browser: Browser, url: string): Promise<void> {
  const { name: username, password } = reader;
  const visitor = await browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: { username, password } });
  visitor.setDefaultTimeout(patienceMs);
  const page = await visitor.newPage();
  const complaints: string[] = [];
  const changes: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('request', (request) => request.method() !== 'GET' && changes.push(request.method()));
  await page.goto(url);
  assert.equal(await page.getByRole('searchbox').isVisible(), true, 'the script ran');
  for (const name of ['Upload', 'Upload folder', 'New folder']) {
    assert.equal(await page.getByRole('button', { name }).count(), 0, name);
  }
  for (const key of ['ArrowDown', 'F2', 'Delete', 'n', 'u']) await page.keyboard.press(key);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.getByRole('button', { name: 'Actions for evil.html' }).click();
  assert.deepEqual(await page.getByRole('menuitem').allTextContents(), ['Download']);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'Download' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), 'evil.html');
  assert.deepEqual([complaints, changes], [[], []]);
}
