/** Logging in from the command line: Basic over TLS, Digest without, wrong passwords, users that change while served. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ownCertificate } from '../../../src/config/tls/certificates.js';
import { holdfast } from '../tools/drive-server.js';
import { missing } from '../tools/requirements.js';
import { TestVolume } from '../tools/test-volume.js';
import { Workspace } from '../tools/workspace.js';
import { changeUser, GuardedDrive, type Login, reader, writer } from './tools/guarded-drive.js';

const skip = missing({ tools: ['curl'] });
const as = ({ name, password }: Login) => ['-u', `${name}:${password}`];

test('over TLS by Basic', { skip, timeout: 900_000 }, async (context) => {
  const drive = await GuardedDrive.open(context, '--tls');
  const file = join(drive.workspace.path, 'file');
  await writeFile(file, 'hello');
  assert.equal((await drive.curl('a', ['-T', file])).status, 401);
  assert.equal((await drive.curl('a', ['-T', file, ...as(writer)])).status, 201);
  assert.deepEqual(await drive.curl('a', as(reader)), { status: 200, body: 'hello' });
  assert.equal((await drive.curl('a', ['-X', 'DELETE', ...as(reader)])).status, 403);
  assert.equal((await drive.curl('a', as({ ...writer, password: 'wrong-and-public' }))).status, 401);
  assert.equal((await drive.curl('a', ['--digest', ...as(writer)])).status, 401);
  const plain = await drive.curl('', [
    '--proto',
    '=http',
    '--url',
    drive.url.replace('https', 'http'),
    '--next',
    '-s',
    ...as(writer),
  ]);
  assert.match(plain.body, /https:\/\//);
  const { stdout } = await holdfast('user', 'list', drive.volume.directory, '--json');
  assert.deepEqual(JSON.parse(stdout), [
    { name: 'ana', rights: 'write' },
    { name: 'ben', rights: 'read' },
  ]);
  await changeUser(['passwd', drive.volume.directory, writer.name], 'another-secret');
  assert.equal((await drive.curl('a', as(writer))).status, 401);
  assert.equal((await drive.curl('a', as({ ...writer, password: 'another-secret' }))).status, 200);
  await changeUser(['remove', drive.volume.directory, reader.name], '');
  assert.equal((await drive.curl('a', as(reader))).status, 401);
  await drive.end();
});

test('without TLS by Digest', { skip, timeout: 900_000 }, async (context) => {
  const drive = await GuardedDrive.open(context);
  const file = join(drive.workspace.path, 'file');
  await writeFile(file, 'x'.repeat(300_000));
  assert.equal((await drive.curl('a', ['--digest', '-T', file, ...as(writer)])).status, 201);
  assert.equal((await drive.curl('a', ['--digest', ...as(reader)])).body.length, 300_000);
  assert.equal((await drive.curl('a', ['--digest', '-X', 'DELETE', ...as(reader)])).status, 403);
  assert.equal((await drive.curl('a', ['--digest', ...as({ ...writer, password: 'wrong-and-public' })])).status, 401);
  await drive.end();
});

test('users come back with a rebuild from the nodes alone', { skip, timeout: 900_000 }, async (context) => {
  const drive = await GuardedDrive.open(context);
  await drive.server.stop();
  const rebuilt = await drive.workspace.folder('rebuilt');
  const nodes = drive.volume.nodePaths.flatMap((path) => ['--node', path]);
  const { code, stderr } = await holdfast('rebuild', rebuilt, ...nodes);
  assert.equal(code, 0, stderr);
  const { stdout } = await holdfast('user', 'list', rebuilt, '--json');
  assert.deepEqual(JSON.parse(stdout), [
    { name: 'ana', rights: 'write' },
    { name: 'ben', rights: 'read' },
  ]);
});

test('other machines: refused without users and without TLS; an ended certificate is told', {
  skip,
}, async (context) => {
  const workspace = await Workspace.create(context);
  const { directory } = await TestVolume.inFolders(workspace);
  const refused = async (said: RegExp, ...args: string[]) => {
    const { code, stderr } = await holdfast('serve', directory, '--port', '0', ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, said);
  };
  await refused(/Next: {2}add one first: holdfast user add/, '--host', '0.0.0.0');
  await refused(/holdfast user add/, '--host', '0.0.0.0', '--insecure-http');
  const old = await workspace.folder('old');
  await ownCertificate(old, { names: ['localhost'], now: Date.UTC(2020, 0, 1) });
  const files = ['--tls-cert', join(old, 'tls-certificate.pem'), '--tls-key', join(old, 'tls-key.pem')];
  await refused(/ended on 2022-03-11/, ...files);
});
