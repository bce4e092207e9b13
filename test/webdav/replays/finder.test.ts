/** F1 to F9: a Mac mounts, browses, copies, edits, renames and deletes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { test } from 'node:test';
import { type IndexedServer, serveIndexed } from '../indexed-server.js';
import { readMultistatus } from '../oracles.js';
import { makeFolder, store, until } from '../requests.js';
import { Finder, finderBodies } from './finder.js';
import {
  copyLargeFile,
  copySmallFile,
  editInPlace,
  pieceBytes,
  sendPieces,
  startSequentialPut,
} from './finder-scenarios.js';

const MiB = 1024 * 1024;
const probes = ['.DS_Store', '._.', '.hidden', '.Spotlight-V100', 'Contents', 'mach_kernel', 'Backups.backupdb'];

async function desk(
  t: Parameters<typeof serveIndexed>[0],
  options?: Parameters<typeof serveIndexed>[1],
): Promise<{ server: IndexedServer; finder: Finder }> {
  const server = await serveIndexed(t, options);
  return { server, finder: new Finder(t, server) };
}

for (const darwin of ['24.6.0', '24.3.0']) {
  test(`F1: mount, on Darwin ${darwin}`, async (t) => {
    const server = await serveIndexed(t);
    const finder = new Finder(t, server, { darwin });
    await store(server, `/home/${encodeURIComponent('e\u0301 (1)&+,=@!.txt')}`, 'text');
    await makeFolder(server, '/home/folder');
    // Nobody is asked for a password as long as there are no users: its first OPTIONS is answered.
    const first = await server.send('OPTIONS', '/home/', { headers: { 'User-Agent': 'WebDAVLib/1.3', Accept: '*/*' } });
    for (const answer of [first, await finder.send('OPTIONS', '/home/')]) {
      assert.equal(answer.status, 200);
      const tokens = String(answer.headers.dav).split(/\s*,\s*/);
      assert.ok(tokens.includes('1') && tokens.includes('2'));
    }
    const root = await finder.lookUp('/home/');
    assert.equal(root!.kind, 'folder');
    for (const name of ['creationdate', 'getlastmodified']) assert.ok(Date.parse(root!.value(name)!) >= 0);
    const quota = readMultistatus(await finder.ask('/home/', finderBodies.PQ), '/home/')[0]!;
    const seen = quota.propstats.map(({ status, properties }) => [status, properties.size]);
    assert.deepEqual(
      seen,
      darwin === '24.6.0'
        ? [[404, 4]]
        : [
            [200, 2],
            [404, 2],
          ],
    );
    for (const body of [finderBodies.P4, finderBodies.P5]) {
      assert.deepEqual(await finder.list('/home/', body), [
        { name: '', folder: true, sizeBytes: undefined },
        { name: 'folder', folder: true, sizeBytes: undefined },
        { name: 'e\u0301 (1)&+,=@!.txt', folder: false, sizeBytes: 4 },
      ]);
    }
    for (const name of probes) assert.equal(await finder.lookUp(`/home/${name}`), undefined, name);
    assert.equal((await finder.lookUp('/home/.metadata_never_index'))!.value('getcontentlength'), '0');
  });
}

test('F2: copy a small file in', async (t) => {
  const { finder } = await desk(t);
  // As Finder writes it: raw where it may, decomposed, percent-encoded where it must.
  for (const name of ['a.txt', "it's%20(1)%20&+,=@!.txt", 'u%CC%88ber.txt'])
    await copySmallFile(finder, '/home/', name);
  assert.equal((await finder.list('/home/')).length, 7);
});

test('F3: copy a large file in', async (t) => {
  const { server, finder } = await desk(t);
  await copyLargeFile(finder, server, '/home/big', Buffer.alloc(5 * MiB + 17, 'large '));
});

test('F3a F3c: with a pause of 25 s in the middle and a refresh of the lock meanwhile', async (t) => {
  const { server, finder } = await desk(t, { sharesClock: true });
  await copyLargeFile(finder, server, '/home/big', Buffer.alloc(3 * MiB, 'slow '), {
    midway: async (token) => {
      await server.drive.clock.advance(25_000);
      await finder.refresh('/home/big', token);
      assert.equal((await finder.send('GET', '/home/big')).body.length, 0, 'the old file, meanwhile');
    },
  });
});

test('F3b: the connection breaks; the lock is still good, and the second try succeeds', async (t) => {
  const { server, finder } = await desk(t);
  const content = Buffer.alloc(2 * MiB, 'again ');
  await finder.create('/home/big');
  const token = await finder.open('/home/big');
  const broken = startSequentialPut(finder, server, '/home/big', token, content.length);
  await sendPieces(broken, content.subarray(0, MiB + pieceBytes));
  await until(() => ['a', 'b', 'c'].some((letter) => server.drive.store(letter).names('segments').length > 0));
  broken.destroy();
  await once(broken, 'close');
  assert.equal((await finder.send('GET', '/home/big')).body.length, 0);
  const second = startSequentialPut(finder, server, '/home/big', token, content.length);
  const answer = once(second, 'data') as Promise<[Buffer]>;
  await sendPieces(second, content);
  second.write('0\r\n\r\n');
  assert.match((await answer)[0].toString(), /^HTTP\/1\.1 204 /);
  second.destroy();
  await finder.close('/home/big', token);
  assert.ok((await finder.send('GET', '/home/big')).body.equals(content));
});

test('F3d S-12: more than fits is refused before the body is read', async (t) => {
  const { server, finder } = await desk(t);
  await finder.create('/home/big');
  const token = await finder.open('/home/big');
  const socket = startSequentialPut(finder, server, '/home/big', token, 2 ** 50);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 507 /);
  socket.destroy();
  await finder.close('/home/big', token);
});

test('F4: read, give up, go on, read beside it', async (t) => {
  const { server, finder } = await desk(t);
  const content = Buffer.from(Array.from({ length: 3 * MiB }, (_, at) => (at * 7) % 251));
  await store(server, '/home/film', content);
  const whole = await finder.send('GET', '/home/film');
  assert.ok(whole.body.equals(content));
  const modified = whole.headers['last-modified'];
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    path: '/home/film',
    headers: { 'User-Agent': finder.userAgent },
  });
  outgoing.on('error', () => {});
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
  await once(response, 'data');
  outgoing.destroy();
  const rest = { Range: `bytes=${MiB}-`, 'If-Range': modified };
  const [later, ...beside] = await Promise.all([
    finder.send('GET', '/home/film', rest),
    ...[2_000_000, 100, 3 * MiB - 4096].map((start) =>
      finder.send('GET', '/home/film', { Range: `bytes=${start}-${start + 4095}` }),
    ),
  ]);
  assert.deepEqual([later!.status, later!.body.equals(content.subarray(MiB))], [206, true]);
  assert.deepEqual(
    beside.map(({ status, body }) => [status, body.length]),
    [
      [206, 4096],
      [206, 4096],
      [206, 4096],
    ],
  );
  await server.drive.clock.advance(5_000);
  await store(server, '/home/film', 'another film');
  const changed = await finder.send('GET', '/home/film', rest);
  assert.deepEqual([changed.status, changed.text], [200, 'another film']);
});

test('F5: edit in place', async (t) => {
  const { server, finder } = await desk(t);
  await store(server, '/home/a.txt', 'old');
  await editInPlace(finder, '/home/a.txt');
});

test('F6: safe save, as TextEdit, Preview and Pages do it', async (t) => {
  const { server, finder } = await desk(t);
  await store(server, '/home/doc.rtf', 'old');
  const aside = '/home/doc.rtf.sb-1a2b3c4d-AbCdEf';
  assert.equal(await finder.lookUp(aside), undefined);
  assert.equal((await finder.send('MKCOL', aside)).status, 201);
  assert.equal((await finder.lookUp(aside))!.kind, 'folder');
  await copySmallFile(finder, `${aside}/`, 'doc.rtf');
  assert.equal((await finder.send('DELETE', `${aside}/._doc.rtf`)).status, 204);
  assert.equal((await finder.rename(`${aside}/doc.rtf`, '/home/doc.rtf')).status, 204);
  assert.equal(
    (await finder.lookUp('/home/doc.rtf'))!.value('getcontentlength'),
    String('the content of doc.rtf'.length),
  );
  assert.ok(await finder.isEmpty(`${aside}/`));
  assert.equal((await finder.send('DELETE', `${aside}/`)).status, 204);
  assert.deepEqual(
    (await finder.list('/home/')).map(({ name }) => name),
    ['', 'doc.rtf'],
  );
});

test('F6: safe save over a file that it has open itself', async (t) => {
  const { server, finder } = await desk(t);
  await store(server, '/home/doc', 'old');
  const token = await finder.open('/home/doc');
  await store(server, '/home/new', 'new');
  assert.equal((await finder.rename('/home/new', '/home/doc', [token])).status, 204);
  await finder.close('/home/doc', token);
  assert.equal((await finder.send('GET', '/home/doc')).text, 'new');
});

test('F7 M-36b M-36c: rename files and folders, by case and Unicode form only, while open', async (t) => {
  const { server, finder } = await desk(t);
  await store(server, '/home/a.txt', 'a');
  assert.equal((await finder.rename('/home/a.txt', '/home/u%CC%88.txt')).status, 201);
  assert.ok([201, 204].includes((await finder.rename('/home/u%CC%88.txt', '/home/U%CC%88.txt')).status));
  assert.ok([201, 204].includes((await finder.rename('/home/U%CC%88.txt', '/home/%C3%9C.txt')).status));
  assert.deepEqual(
    (await finder.list('/home/')).map(({ name }) => name),
    ['', '\u00dc.txt'],
  );
  assert.equal((await finder.send('GET', '/home/U%CC%88.txt')).text, 'a');
  await makeFolder(server, '/home/dir');
  for (const name of ['one', 'two']) await store(server, `/home/dir/${name}`, name);
  const [one, two] = [await finder.open('/home/dir/one'), await finder.open('/home/dir/two')];
  assert.equal((await finder.rename('/home/dir/', '/home/dir2', [one, two])).status, 201);
  for (const [name, token] of [
    ['one', one],
    ['two', two],
  ] as const) {
    await finder.save(`/home/dir2/${name}`, token, 'saved');
    await finder.close(`/home/dir2/${name}`, token);
  }
  const token = await finder.open('/home/dir2/one');
  assert.equal((await finder.rename('/home/dir2/one', '/home/dir2/uno', [token])).status, 201);
  await finder.save('/home/dir2/uno', token, 'saved again');
  await finder.close('/home/dir2/uno', token);
});

test('F8: delete a folder, file by file, with one of them open', async (t) => {
  const { server, finder } = await desk(t);
  await makeFolder(server, '/home/dir');
  for (const name of ['a', 'b', '._b']) await store(server, `/home/dir/${name}`);
  const token = await finder.open('/home/dir/b');
  for (const { name } of (await finder.list('/home/dir/')).slice(1)) {
    const headers = name === 'b' ? { If: `(<${token}>)` } : {};
    assert.equal((await finder.send('DELETE', `/home/dir/${name}`, headers)).status, 204);
  }
  await finder.close('/home/dir/b', token);
  assert.ok(await finder.isEmpty('/home/dir/'));
  assert.equal((await finder.send('DELETE', '/home/dir/')).status, 204);
  assert.equal(await finder.lookUp('/home/dir'), undefined);
});

test('F9: statfs costs the same whatever is on the drive, and asks no node', async (t) => {
  const server = await serveIndexed(t);
  const finder = new Finder(t, server, { darwin: '23.6.0' });
  const used = async () =>
    readMultistatus(await finder.ask('/home/', finderBodies.PQ), '/home/')[0]!.value('quota-used-bytes');
  await store(server, '/home/a', Buffer.alloc(100_000));
  assert.equal(await used(), '100000');
  const stores = ['a', 'b', 'c'].map((letter) => server.drive.store(letter));
  for (const each of stores) each.log.length = 0;
  let listings = 0;
  const { list } = server.volume;
  server.volume.list = (folder) => {
    listings += 1;
    return list.call(server.volume, folder);
  };
  for (let round = 0; round < 5; round += 1) assert.equal(await used(), '100000');
  assert.deepEqual([listings, stores.flatMap(({ log }) => log).length], [0, 0]);
  await finder.send('DELETE', '/home/a');
  assert.equal(await used(), '0');
});
