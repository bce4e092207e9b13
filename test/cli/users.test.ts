import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseCredentials } from '../../src/access/credentials.js';
import type { UserChange } from '../../src/drive-contract.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell } from './fake-context.js';

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

const changes = (shell: FakeShell): UserChange[] =>
  shell.drive.calls.flatMap((call) => (Array.isArray(call) && call[0] === 'changeUser' ? [call[1] as UserChange] : []));
const ana = { name: 'ana', rights: 'write', credentials: 'secret credentials' } as const;

test('user add takes the password from standard input, and what is kept does not hold it', async (t) => {
  const shell = await shellWithVolume(t);
  shell.input = 'several words\n';
  assert.equal(await shell.run('user', 'add', 'volume', 'ana'), 0);
  const [change] = changes(shell);
  assert.ok(change?.credentials);
  assert.deepEqual({ ...change, credentials: '' }, { name: 'ana', rights: 'write', credentials: '', only: 'new' });
  parseCredentials(change.credentials);
  assert.doesNotMatch(`${change.credentials}${shell.out.text}${shell.err.text}`, /several|words/);
  assert.match(shell.out.text, /asks everybody/);
});

test('user add refuses bad names and passwords, and never takes a password as an operand', async (t) => {
  const rows: readonly (readonly [input: string, ...parameters: string[]])[] = [
    ['long enough\n', 'user', 'add', 'volume', 'a:b'],
    ['long enough\n', 'user', 'add', 'volume', ''],
    ['long enough\n', 'user', 'add', 'volume', 'a'.repeat(65)],
    ['short\n', 'user', 'add', 'volume', 'ana'],
    ['', 'user', 'add', 'volume', 'ana'],
    [`${'x'.repeat(1025)}\n`, 'user', 'add', 'volume', 'ana'],
    ['long enough\n', 'user', 'add', 'volume', 'ana', 'password'],
  ];
  for (const [input, ...parameters] of rows) {
    const shell = await shellWithVolume(t);
    shell.input = input;
    assert.equal(await shell.run(...parameters), 2, parameters.join(' '));
    assert.deepEqual(changes(shell), []);
  }
});

test('user add of a user who is there says how to change the password', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.userAnswer = [ana];
  shell.input = 'several words\n';
  assert.equal(await shell.run('user', 'add', 'volume', 'ana'), 1);
  assert.match(shell.err.text, /holdfast user passwd/);
});

test('user passwd changes the password, or the rights alone', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.userAnswer = [ana];
  shell.input = 'other words\n';
  assert.equal(await shell.run('user', 'passwd', 'volume', 'ana'), 0);
  assert.equal(await shell.run('user', 'passwd', 'volume', 'ana', '--read-only'), 0);
  assert.equal(await shell.run('user', 'passwd', 'volume', 'ana', '--read-only', '--read-write'), 2);
  assert.equal(await shell.run('user', 'passwd', 'volume', 'ben'), 1);
  const [password, rights, ...more] = changes(shell);
  assert.ok(password?.credentials && password.rights === undefined);
  assert.deepEqual(rights, { name: 'ana', rights: 'read', only: 'present' });
  assert.deepEqual(more, []);
});

test('user remove and list; credentials are shown to nobody', async (t) => {
  const shell = await shellWithVolume(t);
  shell.drive.userAnswer = [ana];
  assert.equal(await shell.run('user', 'remove', 'volume', 'ana'), 0);
  assert.deepEqual(changes(shell), [{ name: 'ana', credentials: null, only: 'present' }]);
  assert.equal(await shell.run('user', 'list', 'volume'), 0);
  assert.equal(await shell.run('user', 'list', 'volume', '--json'), 0);
  assert.match(shell.out.text, /ana {2}reads and writes\n\[\{"name":"ana","rights":"write"\}\]/);
  assert.doesNotMatch(shell.out.text, /secret/);
});

test('serve: TLS and its exceptions are said, and do not contradict', async (t) => {
  for (const options of [
    ['--tls-cert', 'c.pem'],
    ['--tls-key', 'k.pem'],
    ['--insecure-http', '--tls'],
    ['--insecure-http', '--tls-cert', 'c', '--tls-key', 'k'],
    ['--tls-cert', 'none.pem', '--tls-key', 'none.pem'],
  ]) {
    const shell = await shellWithVolume(t);
    assert.equal(await shell.run('serve', 'volume', ...options), 2, options.join(' '));
    assert.deepEqual(shell.calls, []);
  }
});
