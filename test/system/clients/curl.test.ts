/** curl, as scripts use it: uploads of known and unknown length, ranges, a download that goes on where it stopped. */
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CommandOptions, mustRun, runCommand } from '../tools/commands.js';
import { MiB, missing } from '../tools/requirements.js';
import { contentOf } from '../tools/seeded.js';
import { ClientDrive } from './tools/client-drive.js';

const skip = missing({ tools: ['curl'] });

test('curl stores, reads parts and goes on where it stopped', { skip, timeout: 900_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const local = await drive.workspace.folder('local');
  const options: CommandOptions = { cwd: local };
  const curl = (...args: string[]): Promise<string> =>
    mustRun('curl', ['--silent', '--show-error', '--fail', ...args], options);
  const status = async (...args: string[]): Promise<string> =>
    (await runCommand('curl', ['--silent', '--output', 'body', '--write-out', '%{http_code}', ...args], options))
      .stdout;
  const content = contentOf('curl', 5 * MiB + 321);
  await writeFile(join(local, 'file'), content);
  const url = `${drive.url}a%20file.bin`;

  await context.test('an upload with its length, one in chunks, one that asks first', async () => {
    assert.equal(await status('--upload-file', 'file', url), '201');
    assert.deepEqual(await drive.witness.get('a file.bin'), content);
    assert.equal(await status('--upload-file', 'file', '--header', 'Transfer-Encoding: chunked', url), '204');
    assert.equal(await status('--upload-file', 'file', '--header', 'Expect: 100-continue', url), '204');
    assert.deepEqual(await drive.witness.get('a file.bin'), content);
  });

  await context.test('parts', async () => {
    await curl('--range', '1048570-1048585', '--output', 'part', url);
    assert.deepEqual(await readFile(join(local, 'part')), content.subarray(1_048_570, 1_048_586));
    await curl('--range', '-100', '--output', 'part', url);
    assert.deepEqual(await readFile(join(local, 'part')), content.subarray(-100));
    assert.equal(await status('--range', `${content.length}-`, url), '416');
  });

  await context.test('a download goes on where it stopped', async () => {
    await curl('--output', 'back', url);
    await truncate(join(local, 'back'), 3 * MiB + 17);
    const before = drive.traffic.exchanges.length;
    await curl('--continue-at', '-', '--output', 'back', url);
    assert.deepEqual(await readFile(join(local, 'back')), content);
    assert.equal(drive.traffic.exchanges[before]?.status, 206);
  });

  await context.test('an upload that is given up leaves the file as it was', async () => {
    const given = await runCommand(
      'curl',
      [
        '--silent',
        '--limit-rate',
        '200k',
        '--max-time',
        '2',
        '--upload-file',
        'file',
        `${drive.url}new.bin`,
        '--next',
        '--silent',
        '--limit-rate',
        '200k',
        '--max-time',
        '2',
        '--data-binary',
        '@file',
        '--request',
        'PUT',
        url,
      ],
      options,
    );
    assert.equal(given.code, 28, 'the time was not up: nothing is shown');
    assert.deepEqual(await drive.witness.get('a file.bin'), content);
    assert.equal(await drive.witness.get('new.bin'), undefined);
  });

  await context.test('an upload cannot be continued by a part: that is refused, and nothing changes', async () => {
    assert.equal(await status('--upload-file', 'file', '--continue-at', '1000', url), '400');
    assert.deepEqual(await drive.witness.get('a file.bin'), content);
  });

  await context.test('an unchanged file is not sent again', async () => {
    await curl('--etag-save', 'tag', '--output', 'back', url);
    assert.equal(await status('--etag-compare', 'tag', url), '304');
    assert.equal(await status('--time-cond', 'back', '--remote-time', url), '304');
  });

  await context.test('folders, rename, copy, delete', async () => {
    await curl('--request', 'MKCOL', `${drive.url}folder`);
    await curl('--request', 'MOVE', '--header', `Destination: ${drive.url}folder/b`, url);
    await curl('--request', 'COPY', '--header', `Destination: ${drive.url}other`, `${drive.url}folder`);
    await curl('--request', 'DELETE', `${drive.url}folder`);
    assert.deepEqual(await drive.witness.list(''), ['other/']);
    assert.deepEqual(await drive.witness.get('other/b'), content);
  });

  // The uploads that were given up have no answer.
  assert.deepEqual(
    drive.traffic.troubles().filter((line) => !/^PUT \S+ 0$/.test(line)),
    [],
  );
  await drive.mustBeSound();
});
