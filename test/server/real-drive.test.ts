/** The protocol over a real drive: three node folders, the index in SQLite. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createVolume, openDrive } from '../../src/drive.js';
import { type RunningServer, startServer } from '../../src/server/start-server.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { send } from '../webdav/dav-client.js';
import { litmusSuites, runLitmus } from '../webdav/litmus.js';

async function serveDrive(t: TestContext): Promise<{ readonly folder: string; readonly server: RunningServer }> {
  // Hooks run in the order of their making: the folder goes only when nothing has it open.
  let removeFolder = async (): Promise<void> => {};
  const folder = await temporaryFolder({
    after: (action) => {
      removeFolder = action;
    },
  });
  const directory = join(folder, 'home');
  await mkdir(directory);
  const nodes = ['a', 'b', 'c'].map((name) => join(folder, name));
  await createVolume({ directory, nodes, replicas: 2 });
  const drive = await openDrive({ directory });
  const events: string[] = [];
  const server = await startServer({
    volumes: [drive.volume],
    port: 0,
    onEvent: ({ message }) => events.push(message),
  });
  t.after(async () => {
    await server.close();
    await drive.close();
    await removeFolder();
  });
  t.after(() => assert.deepEqual(events, []));
  return { folder, server };
}

test('litmus passes every test of all five suites without a warning on a real drive', async (t) => {
  const { folder, server } = await serveDrive(t);
  const report = await runLitmus(`${server.url}home/`, folder);
  if (!report) return t.skip('litmus is not installed');
  assert.deepEqual([report.failures, report.warnings], [[], []], report.output);
  assert.deepEqual(report.passed, [16, 13, 30, 41, 4], `${litmusSuites}: ${report.output}`);
});

test('what a client stores on a real drive comes back, whole and in parts', async (t) => {
  const { server } = await serveDrive(t);
  const { port } = server.address;
  const bytes = Buffer.alloc(5_000_001, 'holdfast ');
  assert.equal((await send(port, 'PUT', '/home/big.bin', { body: bytes })).status, 201);
  assert.ok((await send(port, 'GET', '/home/big.bin')).body.equals(bytes));
  const part = await send(port, 'GET', '/home/big.bin', { headers: { Range: 'bytes=1048570-2097200' } });
  assert.ok(part.body.equals(bytes.subarray(1_048_570, 2_097_201)));
});

test('a slow reader gets its own bytes, whatever others read meanwhile', async (t) => {
  const { server } = await serveDrive(t);
  const { port } = server.address;
  const [slow, other] = [randomBytes(16_000_000), randomBytes(5_000_000)];
  assert.equal((await send(port, 'PUT', '/home/slow.bin', { body: slow })).status, 201);
  assert.equal((await send(port, 'PUT', '/home/other.bin', { body: other })).status, 201);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, path: '/home/slow.bin', agent: false }, resolve).once('error', reject);
  });
  // Nobody reads it yet: most of it waits in the server.
  for (let round = 0; round < 10; round += 1) {
    assert.ok((await send(port, 'GET', '/home/other.bin')).body.equals(other));
    const part = await send(port, 'GET', '/home/other.bin', { headers: { Range: 'bytes=1000-101000' } });
    assert.ok(part.body.equals(other.subarray(1000, 101_001)));
  }
  const parts: Buffer[] = [];
  for await (const bytes of response) parts.push(bytes);
  assert.ok(Buffer.concat(parts).equals(slow));
});
