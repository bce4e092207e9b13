/** The `webdav` client of npm, the usual one in programs written in JavaScript. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { createClient, type FileStat, type WebDAVClient } from 'webdav';
import { MiB, missing } from '../tools/requirements.js';
import { contentOf } from '../tools/seeded.js';
import { ClientDrive } from './tools/client-drive.js';

test('the webdav client of npm', { skip: missing({}), timeout: 900_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const client = createClient(drive.url);
  const read = async (path: string): Promise<string> => String(await client.getFileContents(path, { format: 'text' }));

  await context.test('connect: compliance and free space', async () => {
    const { compliance } = await client.getDAVCompliance('/');
    assert.ok(compliance.includes('1') && compliance.includes('2'), compliance.join());
    // getQuota() asks for all properties, which these are no part of (RFC 4331 section 2): so they are asked for by name.
    assert.equal(await client.getQuota(), null);
    const data = '<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>';
    const answer = await client.customRequest('/', { method: 'PROPFIND', headers: { Depth: '0' }, data });
    assert.match(await answer.text(), /quota-available-bytes>[1-9]\d*<.*quota-used-bytes>\d+</);
  });

  await context.test('store, save again, save by a temporary file that is moved over it', async () => {
    await client.createDirectory('/notes/2026', { recursive: true });
    const path = '/notes/2026/a & b #1.txt';
    assert.equal(await client.putFileContents(path, 'first'), true);
    assert.equal(await client.putFileContents(path, 'refused', { overwrite: false }), false);
    assert.equal(await read(path), 'first');
    await client.putFileContents(path, 'second');
    await client.putFileContents('/notes/2026/part', 'third');
    await client.moveFile('/notes/2026/part', path);
    assert.equal(await read(path), 'third');
    assert.deepEqual(await drive.witness.list('notes/2026/'), ['a & b #1.txt']);
  });

  await context.test('streams and parts', async () => {
    const content = contentOf('npm', 3 * MiB + 5);
    await client.putFileContents('/big.bin', Readable.from([content]));
    assert.deepEqual(await buffer(stream(client.createReadStream('/big.bin'))), content);
    const part = client.createReadStream('/big.bin', { range: { start: 1_048_570, end: 1_048_585 } });
    assert.deepEqual(await buffer(stream(part)), content.subarray(1_048_570, 1_048_586));
  });

  await context.test('a part of a file is written in place', async (subtest) => {
    const { headers } = await client.getDAVCompliance('/').then(() => drive.witness.must('OPTIONS', ''));
    if (!String(headers.dav).includes('sabredav-partialupdate')) return subtest.skip('the server offers no PATCH');
    const content = contentOf('npm', 3 * MiB + 5);
    const piece = Buffer.from('written in place');
    const start = MiB - 7;
    await client.partialUpdateFileContents('/big.bin', start, start + piece.length - 1, piece);
    piece.copy(content, start);
    assert.deepEqual(await drive.witness.get('big.bin'), content);
  });

  await context.test('a lock keeps others out', async () => {
    const { token } = await client.lock('/big.bin');
    await assert.rejects(client.putFileContents('/big.bin', 'x'), { status: 423 });
    await client.unlock('/big.bin', token);
    await client.putFileContents('/big.bin', 'x');
  });

  await context.test('move and copy a folder, read back with a new client, delete', async () => {
    await client.moveFile('/notes', '/Notizen');
    await client.copyFile('/Notizen', '/Kopie');
    const again = createClient(drive.url);
    await assert.rejects(again.getDirectoryContents('/', { deep: true }), { status: 403 });
    assert.deepEqual(await walk(again, '/'), [
      ...['/Kopie', '/Kopie/2026', '/Kopie/2026/a & b #1.txt'],
      ...['/Notizen', '/Notizen/2026', '/Notizen/2026/a & b #1.txt'],
      '/big.bin',
    ]);
    const stat = (await again.stat('/Kopie/2026/a & b #1.txt')) as FileStat;
    assert.deepEqual([stat.size, stat.type, stat.mime], [5, 'file', 'text/plain']);
    for (const path of ['/Kopie', '/Notizen', '/big.bin']) await again.deleteFile(path);
    assert.equal(await again.exists('/Kopie'), false);
    assert.deepEqual(await drive.witness.list(''), []);
  });

  await drive.mustHaveServedWell();
});

const stream = (like: unknown): Readable => like as Readable;

/** Every path below a folder, one listing a folder: whole trees are not listed at once (RFC 4918 section 9.1). */
async function walk(client: WebDAVClient, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const { filename, type } of (await client.getDirectoryContents(folder)) as FileStat[]) {
    found.push(filename, ...(type === 'directory' ? await walk(client, filename) : []));
  }
  return found.sort();
}
