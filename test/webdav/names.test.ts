/** One entry, however its name is spelled: Unicode forms for everybody, case and look-alikes for Windows only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, send } from './dav-client.js';
import { listed, readMultistatus } from './oracles.js';
import { type AnyServer, everyServer } from './serve-real.js';

const nfc = 'B%C3%BCcher';
const nfd = 'Bu%CC%88cher';
const explorer = { 'User-Agent': 'Microsoft-WebDAV-MiniRedir/10.0.26100' };
const lockBody =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';

async function names(server: AnyServer, path = '/home/', headers = {}): Promise<string[]> {
  // Not compared with the volume here: Windows sees other names than it holds.
  const answer = await send(server.port, 'PROPFIND', path, { headers: { Depth: '1', ...headers } });
  return listed(answer, path)
    .map(({ name }) => name)
    .filter((name) => name !== '')
    .sort();
}

async function expectStatus(status: number, answer: Promise<Answer>): Promise<Answer> {
  const got = await answer;
  assert.equal(got.status, status, got.text);
  return got;
}

for (const [what, serve] of everyServer) {
  test(`M-39 every method finds an entry by either Unicode form (${what})`, async (t) => {
    const server = await serve(t);
    await expectStatus(201, server.send('PUT', `/home/${nfc}.txt`, { body: 'one' }));
    await expectStatus(204, server.send('PUT', `/home/${nfd}.txt`, { body: 'two' }));
    assert.deepEqual(await names(server), ['Bücher.txt'.normalize('NFC')], 'the spelling of its maker');
    for (const form of [nfc, nfd]) {
      const path = `/home/${form}.txt`;
      assert.equal((await expectStatus(200, server.send('GET', path))).text, 'two');
      await expectStatus(200, server.send('HEAD', path));
      await expectStatus(207, server.send('PROPFIND', path, { headers: { Depth: '0' } }));
    }
    const set =
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:x">v</x></D:prop></D:set></D:propertyupdate>';
    await expectStatus(207, server.send('PROPPATCH', `/home/${nfd}.txt`, { body: set }));
    const shown = await server.send('PROPFIND', `/home/${nfc}.txt`, { headers: { Depth: '0' } });
    assert.equal(readMultistatus(shown, `/home/${nfc}.txt`)[0]!.value('x', 'urn:x'), 'v');

    const locked = await expectStatus(200, server.send('LOCK', `/home/${nfd}.txt`, { body: lockBody }));
    const token = locked.headers['lock-token'] as string;
    await expectStatus(423, server.send('PUT', `/home/${nfc}.txt`, { body: 'x' }));
    await expectStatus(204, server.send('PUT', `/home/${nfc}.txt`, { body: 'x', headers: { If: `(${token})` } }));
    const tagged = { If: `</home/${nfd}.txt> (${token})` };
    await expectStatus(204, server.send('PUT', `/home/${nfc}.txt`, { body: 'y', headers: tagged }));
    await expectStatus(204, server.send('UNLOCK', `/home/${nfc}.txt`, { headers: { 'Lock-Token': token } }));

    await expectStatus(201, server.send('MKCOL', `/home/${nfd}`));
    await expectStatus(405, server.send('MKCOL', `/home/${nfc}`));
    const into = (form: string) => ({ headers: { Destination: `/home/${form}/copy.txt` } });
    await expectStatus(201, server.send('COPY', `/home/${nfd}.txt`, into(nfc)));
    await expectStatus(204, server.send('COPY', `/home/${nfc}.txt`, into(nfd)));
    await expectStatus(204, server.send('MOVE', `/home/${nfd}.txt`, into(nfd)));
    assert.deepEqual(await names(server, `/home/${nfc}/`), ['copy.txt']);
    await expectStatus(204, server.send('DELETE', `/home/${nfc}/`));
    assert.deepEqual(await names(server), []);
  });

  test(`M-07 a rename in Unicode form or case only leaves one entry, with the new spelling (${what})`, async (t) => {
    const server = await serve(t);
    const to = (name: string, more = {}) => ({ headers: { Destination: `/home/${name}`, ...more } });
    await server.send('PUT', `/home/${nfc}`, { body: 'text' });
    for (const overwrite of ['T', 'F']) {
      for (const form of [nfd, nfc]) {
        const other = form === nfd ? nfc : nfd;
        const moved = await server.send('MOVE', `/home/${other}`, to(form, { Overwrite: overwrite }));
        assert.ok([201, 204].includes(moved.status), `${moved.status}`);
        assert.deepEqual(await names(server), [decodeURIComponent(form)]);
      }
    }
    await expectStatus(403, server.send('MOVE', `/home/${nfc}`, to(nfc)));
    await expectStatus(403, server.send('COPY', `/home/${nfc}`, to(nfd)));
    await server.send('PUT', '/home/a.txt', { body: 'a' });
    for (const headers of [{}, explorer]) {
      await expectStatus(201, server.send('MOVE', '/home/a.txt', to('A.txt', { Overwrite: 'F', ...headers })));
      assert.deepEqual(await names(server), ['A.txt', 'Bücher']);
      await expectStatus(201, server.send('MOVE', '/home/A.txt', to('a.txt', { Overwrite: 'T', ...headers })));
      assert.deepEqual(await names(server), ['Bücher', 'a.txt']);
    }
    assert.equal((await server.send('GET', '/home/a.txt')).text, 'a');
  });

  test(`M-23 hrefs begin with the path as it was asked for; names below are as stored (${what})`, async (t) => {
    const server = await serve(t);
    await server.send('MKCOL', `/home/${nfc}`);
    await server.send('PUT', `/home/${nfc}/${nfc}.txt`, { body: '1' });
    for (const form of [nfc, nfd]) {
      const answer = await server.send('PROPFIND', `/home/${form}/`, { headers: { Depth: '1' } });
      const hrefs = readMultistatus(answer, `/home/${form}/`).map(({ href }) => href);
      assert.deepEqual(hrefs, [`/home/${form}/`, `/home/${form}/${nfc}.txt`]);
      assert.deepEqual(await names(server, `/home/${form}/`), ['Bücher.txt'], 'as Finder reads it');
    }
    const asked = await server.send('PROPFIND', '/home/b%C3%9cCHER/', { headers: { Depth: '1', ...explorer } });
    assert.deepEqual(
      readMultistatus(asked, '/home/b%C3%9cCHER/').map(({ href }) => href),
      ['/home/b%C3%9CCHER/', `/home/b%C3%9CCHER/${nfc}.txt`],
    );
  });

  test(`S-07 Windows finds the only entry that differs in case; nobody else does (${what})`, async (t) => {
    const server = await serve(t);
    await server.send('MKCOL', '/home/Photos');
    await server.send('PUT', '/home/Photos/Été.JPG', { body: 'one' }).catch(() => undefined);
    await server.send('PUT', '/home/Photos/%C3%89t%C3%A9.JPG', { body: 'one' });
    const path = '/home/PHOTOS/%C3%A9T%C3%89.jpg';
    await expectStatus(404, server.send('GET', path));
    assert.equal((await expectStatus(200, server.send('GET', path, { headers: explorer }))).text, 'one');
    await expectStatus(204, server.send('PUT', path, { body: 'two', headers: explorer }));
    await expectStatus(405, server.send('MKCOL', '/home/photos', { headers: explorer }));
    assert.deepEqual(await names(server, '/home/Photos/'), ['Été.JPG'], 'still one entry');

    const locked = await expectStatus(200, server.send('LOCK', path, { body: lockBody, headers: explorer }));
    const token = locked.headers['lock-token'] as string;
    const tagged = { If: `<http://localhost/home/photos/%C3%A9t%C3%A9.jpg> (${token})`, ...explorer };
    await expectStatus(204, server.send('PUT', path, { body: 'three', headers: tagged }));
    await expectStatus(204, server.send('UNLOCK', path, { headers: { 'Lock-Token': token, ...explorer } }));

    await server.send('PUT', '/home/b.txt', { body: 'b' });
    const to = (name: string, overwrite: string) => ({
      headers: { Destination: `/home/${name}`, Overwrite: overwrite, ...explorer },
    });
    await server.send('PUT', '/home/c.txt', { body: 'c' });
    await expectStatus(412, server.send('MOVE', '/home/b.txt', to('C.TXT', 'F')));
    await expectStatus(204, server.send('MOVE', '/home/B.txt', to('C.TXT', 'T')));
    assert.equal((await server.send('GET', '/home/c.txt')).text, 'b');
    assert.deepEqual(await names(server), ['Photos', 'c.txt']);
    await expectStatus(204, server.send('DELETE', '/home/C.TXT', { headers: explorer }));
    await expectStatus(404, server.send('DELETE', '/home/C.TXT', { headers: explorer }));
  });

  test(`S-07 of two entries that differ in case only, Windows gets the exact one or none (${what})`, async (t) => {
    const server = await serve(t);
    await server.send('PUT', '/home/readme', { body: 'lower' });
    await server.send('PUT', '/home/README', { body: 'upper' });
    const get = (name: string) => server.send('GET', `/home/${name}`, { headers: explorer });
    assert.equal((await get('readme')).text, 'lower');
    assert.equal((await get('README')).text, 'upper');
    await expectStatus(404, get('Readme'));
    await expectStatus(404, get('readme.txt'));
  });

  test(`S-15 names that Windows cannot open are shown to it with look-alikes, and found by them (${what})`, async (t) => {
    const server = await serve(t);
    const stored = ['what?.txt', 'a:b', '"x"<y>|z*', 'end.', 'end ', 'CON', 'nul.txt', 'com1.tar.gz', 'plain'];
    for (const name of stored) await server.send('PUT', `/home/${encodeURIComponent(name)}`, { body: name });
    assert.deepEqual(await names(server), [...stored].sort(), 'everybody else sees them as they are');
    const shown = await names(server, '/home/', explorer);
    assert.equal(new Set(shown).size, stored.length);
    const texts: string[] = [];
    for (const name of shown) {
      assert.doesNotMatch(name, /[<>:"|?*]|[. ]$|^(?:con|nul|com1)(?:\.|$)/i);
      texts.push((await server.send('GET', `/home/${encodeURIComponent(name)}`, { headers: explorer })).text);
    }
    assert.deepEqual(texts.sort(), [...stored].sort());
    const question = encodeURIComponent(shown.find((name) => name.startsWith('what'))!);
    await expectStatus(204, server.send('PUT', `/home/${question}`, { body: 'new', headers: explorer }));
    assert.equal((await server.send('GET', '/home/what%3F.txt')).text, 'new');
  });
}
