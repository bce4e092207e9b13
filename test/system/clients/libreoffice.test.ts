/** LibreOffice with a document that it opens from the drive by its URL, over its own WebDAV provider. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';
import { Office, officePython } from './tools/office.js';

const skip = missing({ tools: ['soffice'], files: [officePython, '/usr/lib/python3/dist-packages/uno.py'] });

test('LibreOffice opens, locks, saves and closes a document on the drive', {
  skip,
  timeout: 1_500_000,
}, async (context) => {
  const drive = await ClientDrive.open(context);
  const { traffic, witness } = drive;
  const office = await Office.open(drive.workspace, 'first');
  const letter = `${drive.url}letter.odt`;

  await context.test('a new document is stored', async () => {
    await office.tell(`create ${letter}`);
    await office.tell('write first version');
    await office.tell('save');
    await office.tell('close');
    const { body } = await witness.must('GET', 'letter.odt');
    assert.equal(body.subarray(0, 2).toString(), 'PK');
  });

  await context.test('it is locked while it is open, and saved twice under that lock', async () => {
    await office.tell(`open ${letter}`);
    assert.equal(await office.tell('read-only'), 'False');
    assert.equal(await office.tell('read'), 'first version');
    assert.equal((await witness.send('PUT', 'letter.odt', { body: Buffer.from('x') })).status, 423);
    const before = traffic.exchanges.length;
    for (const text of ['second version', 'third version']) {
      await office.tell(`write ${text}`);
      await office.tell('save');
    }
    const puts = traffic.exchanges.slice(before).filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      puts.map(({ status }) => status),
      [204, 204],
    );
    for (const { requestHeaders } of puts) assert.match(String(requestHeaders.if), /^\(<opaquelocktoken:/);
  });

  await context.test('somebody else can read it meanwhile, not write it', async () => {
    const other = await Office.open(drive.workspace, 'second');
    // Headless, nobody can be asked: a document that is locked does not open for editing.
    const opened = await other.tell(`open ${letter}`).catch(() => 'refused');
    assert.ok(opened === 'refused' || (await other.tell('read-only')) === 'True');
    await other.tell('quit').catch(() => undefined);
  });

  await context.test('closing frees it, and it reads back after a restart of the program', async () => {
    await office.tell('close');
    await office.tell('quit');
    const ended = traffic.exchanges.filter(({ status }) => status < 300).map(({ method }) => method);
    const count = (method: string): number => ended.filter((name) => name === method).length;
    assert.ok(count('LOCK') > 0 && count('LOCK') === count('UNLOCK'), ended.join(' '));
    const again = await Office.open(drive.workspace, 'again');
    await again.tell(`open ${letter}`);
    assert.equal(await again.tell('read'), 'third version');
    assert.equal(await again.tell('read-only'), 'False');
    await again.tell('close');
    await again.tell('quit');
    assert.equal((await witness.send('DELETE', 'letter.odt')).status, 204);
  });

  await drive.mustHaveServedWell();
});
