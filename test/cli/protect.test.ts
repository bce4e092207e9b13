import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseParameters } from '../../src/server/control-parameters.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell } from './fake-context.js';

async function shellWithVolume(t: TestContext): Promise<FakeShell> {
  const shell = new FakeShell(await temporaryFolder(t));
  await mkdir(join(shell.workingDirectory, 'volume'));
  return shell;
}

test('protect without a folder lists what is set', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('protect', 'volume'), 0);
  assert.equal(shell.out.text, 'Every file: 2 copies.\n');
  shell.out.text = '';
  shell.drive.protectionAnswer = {
    replicas: 2,
    nodes: 2,
    folders: [
      { folder: '/precious', replicas: 3 },
      { folder: '/scratch', replicas: 1 },
    ],
  };
  assert.equal(await shell.run('protect', 'volume'), 0);
  assert.match(shell.out.text, /^\/precious {2}3 copies\n\/scratch {2}1 copy\nEverything else: 2 copies\.\n/);
  assert.match(shell.out.text, /There are only 2 nodes: 3 copies need more/);
  shell.out.text = '';
  assert.equal(await shell.run('protect', 'volume', '--json'), 0);
  assert.deepEqual(JSON.parse(shell.out.text), shell.drive.protectionAnswer);
});

test('protect passes on what is wanted, and refuses what is no number of copies', async (t) => {
  const shell = await shellWithVolume(t);
  assert.equal(await shell.run('protect', 'volume', '/photos', '3'), 0);
  assert.equal(await shell.run('protect', 'volume', '/photos', 'default'), 0);
  assert.deepEqual(
    shell.drive.calls.filter((call) => Array.isArray(call)),
    [
      ['protect', { folder: '/photos', replicas: 3 }],
      ['protect', { folder: '/photos', replicas: null }],
    ],
  );
  for (const number of ['0', '10', '1.5', 'three']) {
    assert.equal(await shell.run('protect', 'volume', '/photos', number), 2, number);
  }
  assert.equal(await shell.run('protect', 'volume', '/photos'), 2);
  assert.match(shell.err.text, /how many copies shall files in \/photos have\?/);
});

test('a running server takes a setting, and null for none', () => {
  assert.deepEqual(parseParameters('protect', { folder: '/a', replicas: 2 }), { folder: '/a', replicas: 2 });
  assert.deepEqual(parseParameters('protect', { folder: '/a', replicas: null }), { folder: '/a', replicas: null });
  assert.throws(() => parseParameters('protect', { folder: 1, replicas: 2 }), { code: 'BAD_REQUEST' });
  assert.throws(() => parseParameters('protect', { folder: '/a', replicas: '2' }), { code: 'BAD_REQUEST' });
});
