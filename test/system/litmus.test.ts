/** The conformance suites that everybody in this field uses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from './tools/commands.js';
import { mustBeSound } from './tools/drive-server.js';
import { missing } from './tools/requirements.js';
import { TestVolume } from './tools/test-volume.js';
import { Workspace } from './tools/workspace.js';

const suites = ['basic', 'copymove', 'props', 'locks', 'http'];

test('litmus passes whole and without a warning', { skip: missing({ tools: ['litmus'] }) }, async (context) => {
  const workspace = await Workspace.create(context);
  const volume = await TestVolume.inFolders(workspace);
  const server = await volume.serve();
  const { code, stdout, stderr } = await runCommand('litmus', [server.url], {
    cwd: await workspace.folder('litmus'),
    env: { TESTS: suites.join(' ') },
  });
  const said = stdout + stderr;
  for (const suite of suites) {
    const summary = new RegExp(`summary for .${suite}.: of (\\d+) tests run: (\\d+) passed, (\\d+) failed`).exec(said);
    assert.ok(summary, `no summary of ${suite}:\n${said}`);
    assert.equal(summary[2], summary[1], `${suite}:\n${said}`);
    assert.equal(summary[3], '0');
  }
  assert.doesNotMatch(said, /WARNING/);
  assert.equal(code, 0);
  await mustBeSound(volume.directory);
  await server.stop();
});
