import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell } from './fake-context.js';

const wrong: readonly (readonly [what: string, parameters: readonly string[], said: RegExp])[] = [
  ['an unknown command', ['frobnicate'], /unknown command/],
  ['a missing DIR', ['status'], /missing required argument 'DIR'/],
  ['an unknown option', ['status', '.', '--frob'], /unknown option '--frob'/],
  ['a misspelt option', ['status', '.', '--josn'], /unknown option '--josn' \(Did you mean --json\?\)/],
  ['an operand too many', ['check', '.', 'more'], /too many arguments/],
  ['a volume without nodes', ['init', 'x'], /at least one node/],
  ['more copies than nodes', ['init', 'x', '--node', 'a'], /2 copies .* 1 node /],
  ['copies that are no number', ['init', 'x', '--node', 'a', '--replicas', 'two'], /whole number from 1 to 16/],
  ['no copies', ['init', 'x', '--node', 'a', '--replicas', '0'], /whole number from 1 to 16/],
  ['a port too high', ['serve', '.', '--port', '65536'], /whole number from 0 to 65535/],
  ['a fraction of a port', ['serve', '.', '--port', '80.5'], /whole number/],
  ['plain HTTP with TLS', ['serve', '.', '--insecure-http', '--tls'], /exclude each other/],
  ['a certificate without its key', ['serve', '.', '--tls-cert', 'c.pem'], /belong together/],
  ['a user without a name', ['user', 'add', '.'], /missing required argument 'NAME'/],
  ['a password as an operand', ['user', 'add', '.', 'ana', 'secret'], /too many arguments/],
  ['a weight of nothing', ['node', 'add', '.', 'p', '--weight', '0'], /above 0/],
  ['a label of nothing', ['node', 'add', '.', 'p', '--label', ''], /1 to 100 characters/],
  ['a label that looks like a path', ['node', 'add', '.', 'p', '--label', 'a/b'], /without slashes/],
  ['a label of two lines', ['node', 'add', '.', 'p', '--label', 'a\nb'], /1 to 100 characters/],
  ['a group of nothing', ['node', 'add', '.', 'p', '--group', ''], /1 to 100 characters/],
  ['a node command without a node', ['node', 'remove', '.'], /missing required argument 'NODE'/],
  ['an unknown tool to mount', ['mount', '.', '--with', 'smb'], /Allowed choices/],
];

for (const [what, parameters, said] of wrong) {
  test(`${what} is wrong usage: exit code 2, the reason and the next step, and nothing is opened`, async (t) => {
    const shell = new FakeShell(await temporaryFolder(t));
    assert.equal(await shell.run(...parameters), 2);
    assert.match(shell.err.text, said);
    assert.match(shell.err.text, /^Error: could not .*\nWhy: {3}.*\nNext: {2}.*\n$/);
    assert.equal(shell.out.text, '');
    assert.deepEqual(shell.calls, []);
  });
}

test('no command at all shows the help beside the result: exit code 2', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run(), 2);
  assert.match(shell.err.text, /Usage: holdfast/);
  assert.equal(shell.out.text, '');
});

const commands = [
  [],
  ['start'],
  ['init'],
  ['serve'],
  ['mount'],
  ['unmount'],
  ['status'],
  ['check'],
  ['rebuild'],
  ['node'],
  ['node', 'list'],
  ['node', 'add'],
  ['node', 'remove'],
  ['user'],
  ['user', 'list'],
  ['user', 'add'],
  ['user', 'passwd'],
  ['user', 'remove'],
];

for (const command of commands) {
  test(`"${['holdfast', ...command].join(' ')} --help" gives examples: exit code 0`, async (t) => {
    const shell = new FakeShell(await temporaryFolder(t));
    assert.equal(await shell.run(...command, '--help'), 0);
    assert.match(shell.out.text, /Usage: holdfast/);
    assert.match(shell.out.text, /Examples:\n {2}\$ /);
    assert.equal(shell.err.text, '');
  });
}

test('--version prints the version and nothing else', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('--version'), 0);
  assert.equal(shell.out.text, '1.2.3\n');
});

test('with --json an error is one JSON line beside the result', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('status', 'nowhere', '--json'), 1);
  assert.equal(shell.out.text, '');
  const { error } = JSON.parse(shell.err.text);
  assert.equal(error.code, 'NOT_FOUND');
  assert.match(error.hint, /holdfast init/);
});

test('a node in place of DIR is called what it is', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  await writeFile(join(shell.workingDirectory, 'holdfast-node.json'), '{}');
  assert.equal(await shell.run('status', '.'), 1);
  assert.match(shell.err.text, /is one of a volume's nodes, not a volume's directory/);
});

test('what the system says comes in words, with a next step', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  await writeFile(join(shell.workingDirectory, 'file'), '');
  assert.equal(await shell.run('start', '--data', 'file/data'), 1);
  assert.match(shell.err.text, /Why: {3}mkdir .*ENOTDIR \(a file lies where a folder should be\)\n/);
  assert.match(shell.err.text, /Next: {2}name a folder .*--data PATH/);
});

test('a path with spaces is quoted in the next command', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  assert.equal(await shell.run('init', "my mother's drive", '--node', 'a', '--node', 'b'), 0);
  assert.match(shell.out.text, /Next: {2}holdfast serve 'my mother'\\''s drive'\n/);
});

test('a foreign error is reported without a stack trace', async (t) => {
  const shell = new FakeShell(await temporaryFolder(t));
  shell.access = {
    ...shell.access,
    openDrive: async () => {
      throw new TypeError('x is not\n\u001b[31ma function');
    },
  };
  assert.equal(await shell.run('status', '.'), 1);
  assert.match(shell.err.text, /Why: {3}x is not\?\?\[31ma function\n/);
  assert.match(shell.err.text, /HOLDFAST_DEBUG=1/);
  assert.doesNotMatch(shell.err.text, /at .*\.js:\d/);
});
