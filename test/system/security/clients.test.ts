/** The clients people use, over TLS, as a user who may write. */
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Browser, chromium } from 'playwright-core';
import { DesktopSession } from '../clients/tools/desktop-session.js';
import { mustRun, runCommand } from '../tools/commands.js';
import { missing } from '../tools/requirements.js';
import { GuardedDrive, reader, withInput, writer } from './tools/guarded-drive.js';

const timeout = 600_000;

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

test('davfs2', {
  skip: missing({ tools: ['mount.davfs', 'curl'], root: true, fuse: true }),
  timeout,
}, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const { workspace, url } = drive;
  const [path, cache] = [await workspace.folder('mount'), await workspace.folder('cache')];
  const [configuration, secrets] = [join(workspace.path, 'davfs.conf'), join(workspace.path, 'secrets')];
  await writeFile(secrets, `${url} ${writer.name} ${writer.password}\n`);
  await chmod(secrets, 0o600);
  await mustRun('chown', ['root:davfs2', cache]);
  await chmod(cache, 0o770);
  // It gives its rights up before it reads the certificate.
  await chmod(workspace.path, 0o711);
  const certificate = join(workspace.path, 'trusted.pem');
  await writeFile(certificate, await readFile(drive.certificateFile));
  const settings = ['ask_auth 0', `secrets ${secrets}`, 'delay_upload 0', 'buf_size 64', `cache_dir ${cache}`];
  await writeFile(configuration, `${settings.join('\n')}\ntrust_server_cert ${certificate}\n`);
  workspace.defer(async () => {
    await runCommand('umount', ['-l', path]);
  });
  await mustRun('mount', ['-t', 'davfs', '-o', `conf=${configuration},uid=0,gid=0`, url, path]);
  await writeFile(join(path, 'kept.txt'), 'by the kernel');
  assert.equal(await readFile(join(path, 'kept.txt'), 'utf8'), 'by the kernel');
  await mustRun('umount', [path]);
  assert.equal(await drive.textOf('kept.txt'), 'by the kernel');
  await drive.end();
});

for (const secure of [true, false]) {
  const name = `GNOME Files ${secure ? 'over TLS' : 'by Digest'}`;
  const skip = missing({ tools: ['gio', 'dbus-daemon', 'curl'], files: ['/usr/libexec/gvfsd-dav'] });
  test(name, { skip, timeout }, async (context) => {
    const drive = await GuardedDrive.open(context, ...(secure ? ['--tls'] : []));
    const session = await DesktopSession.open(drive.workspace);
    const root = drive.url.replace(/^http/, 'dav').replace('://', `://${writer.name}@`);
    const answers = `${secure ? '1\n' : ''}${writer.password}\n`;
    const mounted = await withInput('gio', ['mount', root], answers, session.environment);
    assert.equal(mounted.code, 0, `${mounted.stdout}${mounted.stderr}`);
    const file = join(drive.workspace.path, 'plan');
    await writeFile(file, 'the plan');
    await session.must('gio', ['copy', file, `${root}plan.txt`]);
    assert.equal(await session.must('gio', ['cat', `${root}plan.txt`]), 'the plan');
    assert.equal(await drive.textOf('plan.txt'), 'the plan');
    await session.must('gio', ['mount', '-u', root]);
    await drive.end();
  });
}

test('Chromium', { skip: missing({ tools: ['curl'], files: ['/usr/bin/chromium'] }), timeout }, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  context.after(() => browser.close());
  const { name: username, password } = writer;
  const visitor = await browser.newContext({ ignoreHTTPSErrors: true, httpCredentials: { username, password } });
  const page = await visitor.newPage();
  page.setDefaultTimeout(60_000);
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
  visitor.setDefaultTimeout(60_000);
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
