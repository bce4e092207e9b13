/** cadaver: the old hand's client of WebDAV, with locks and properties by hand. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { missing } from '../tools/requirements.js';
import { ClientDrive } from './tools/client-drive.js';

const skip = missing({ tools: ['cadaver'] });

test('cadaver stores, locks, names properties, moves and deletes', { skip, timeout: 900_000 }, async (context) => {
  const drive = await ClientDrive.open(context);
  const local = await drive.workspace.folder('local');
  await writeFile(join(local, 'first'), 'first');
  await writeFile(join(local, 'second'), 'second');

  await context.test('store, save again under a lock, properties', async () => {
    const said = await cadaver(local, drive.url, [
      'mkcol work',
      'cd work',
      'put first plan.txt',
      'lock plan.txt',
      'discover plan.txt',
      'propset plan.txt colour blue',
      'put second plan.txt',
      'propget plan.txt colour',
      'unlock plan.txt',
    ]);
    assert.equal(said.match(/succeeded/g)?.length, 6, said);
    assert.match(said, /Scope: exclusive {2}Type: write/);
    assert.match(said, /Value of colour is: blue/);
    assert.equal(await drive.textOf('work/plan.txt'), 'second');
  });

  await context.test('a lock of somebody else holds', async () => {
    const body = '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
    await drive.witness.must('LOCK', 'work/plan.txt', { body: Buffer.from(body) });
    const said = await cadaver(local, `${drive.url}work/`, ['put first plan.txt', 'delete plan.txt']);
    assert.equal(said.match(/423 Locked/g)?.length, 2, said);
    assert.equal(await drive.textOf('work/plan.txt'), 'second');
    // Stealing is to use the token that the server shows.
    const stolen = ['steal plan.txt', 'put first plan.txt', 'unlock plan.txt', 'put second plan.txt'];
    assert.equal((await cadaver(local, `${drive.url}work/`, stolen)).match(/succeeded/g)?.length, 3);
  });

  await context.test('move, copy, move a folder; properties go with their file', async () => {
    const said = await cadaver(local, `${drive.url}work/`, [
      'move plan.txt renamed.txt',
      'copy renamed.txt copied.txt',
      'mkcol inner',
      'move renamed.txt inner/renamed.txt',
      'move inner moved',
      'propget moved/renamed.txt colour',
      'propget copied.txt colour',
      'propdel copied.txt colour',
      'propget copied.txt colour',
    ]);
    assert.equal(said.match(/Value of colour is: blue/g)?.length, 2, said);
    assert.match(said, /Could not fetch property: 404/);
    assert.deepEqual(await drive.witness.list('work/'), ['copied.txt', 'moved/']);
  });

  await context.test('read back after reconnecting, delete', async () => {
    const said = await cadaver(local, `${drive.url}work/`, ['ls', 'get moved/renamed.txt back', 'delete copied.txt']);
    assert.match(said, /Coll: {3}moved[\s\S]*copied\.txt/);
    assert.equal(await readFile(join(local, 'back'), 'utf8'), 'second');
    await cadaver(local, drive.url, ['rmcol work']);
    assert.deepEqual(await drive.witness.list(''), []);
  });

  await drive.mustHaveServedWell();
});

/** What it said to these commands, in one connection. */
async function cadaver(folder: string, url: string, commands: readonly string[]): Promise<string> {
  const child = spawn('cadaver', [url], {
    cwd: folder,
    env: { ...process.env, HOME: folder, LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 900_000,
  });
  child.stdin.end(`${[...commands, 'quit'].join('\n')}\n`);
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return said + complaints;
}
