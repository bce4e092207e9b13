/** The listener over TLS. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { ownCertificate } from '../../src/config/tls/certificates.js';
import { ManualClock } from '../support/manual-clock.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { exchange, serve } from '../webdav/dav-client.js';

const names = ['localhost', '127.0.0.1'];

async function pair(t: TestContext) {
  return ownCertificate(await temporaryFolder(t), { names, now: Date.now() });
}

function ask(port: number, ca: string, options: object = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: 'localhost', port, ca, agent: false, path: '/home/', ...options }, (answer) => {
      let text = '';
      answer.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('serves who trusts the certificate, from TLS 1.2 on', async (t) => {
  const tls = await pair(t);
  const { port, server } = await serve(t, { tls });
  assert.match(server.url, /^https:/);
  assert.equal((await ask(port, tls.certificate)).status, 200);
  assert.equal((await ask(port, tls.certificate, { maxVersion: 'TLSv1.2' })).status, 200);
  await assert.rejects(
    ask(port, tls.certificate, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  );
  await assert.rejects(ask(port, (await pair(t)).certificate), 'another certificate');
});

test('the first page names the address to mount with its scheme', async (t) => {
  const tls = await pair(t);
  const { port } = await serve(t, { tls });
  const { text } = await ask(port, tls.certificate, { path: '/' });
  assert.ok(text.includes(`<code>https://localhost:${port}/home/</code>`));
  assert.ok(text.includes(`<code>davs://localhost:${port}/home/</code>`));
  assert.ok((await (await fetch(`http://127.0.0.1:${(await serve(t)).port}/`)).text()).includes('<code>http://127'));
});

test('a page that came without TLS is another site, whatever its host', async (t) => {
  const tls = await pair(t);
  const { port } = await serve(t, { tls });
  const from = (Origin: string) => ask(port, tls.certificate, { headers: { Origin } });
  assert.equal((await from(`https://localhost:${port}`)).status, 200);
  assert.equal((await from(`http://localhost:${port}`)).status, 403);
});

test('a large body goes through in both directions', async (t) => {
  const tls = await pair(t);
  const { port, volume } = await serve(t, { tls });
  const body = Buffer.alloc(3_000_000, 'holdfast');
  const status = await new Promise<number>((resolve, reject) => {
    const options = { host: 'localhost', port, ca: tls.certificate, path: '/home/big', method: 'PUT', agent: false };
    request(options, (answer) => resolve(answer.resume().statusCode ?? 0))
      .on('error', reject)
      .end(body);
  });
  assert.equal(status, 201);
  assert.equal((await volume.stat(['big']))?.sizeBytes, body.length);
  assert.equal((await ask(port, tls.certificate, { path: '/home/big' })).text, body.toString());
});

test('plain HTTP to the TLS port is told what to write instead', async (t) => {
  const { port } = await serve(t, { tls: await pair(t) });
  const answer = await exchange(port, Buffer.from('GET /home/ HTTP/1.1\r\nHost: localhost\r\n\r\n'));
  assert.equal(answer.status, 400);
  assert.match(`${answer.body}`, /https:\/\//);
});

test('bytes that are no TLS, and a handshake that stops, end the connection and nothing else', async (t) => {
  const clock = new ManualClock();
  const tls = await pair(t);
  const { port, events } = await serve(t, { tls, clock });
  for (const bytes of ['\x16', '\x16\x03\x01\x00\x05hello', '\0', '\x80\x2e\x01\x00\x02', '\x16\x03\x03\xff\xff']) {
    const socket = connectPlain({ host: '127.0.0.1', port });
    socket.on('error', () => {});
    socket.end(Buffer.from(bytes, 'latin1'));
    await once(socket.resume(), 'close');
  }
  const silent = connectPlain({ host: '127.0.0.1', port });
  silent.on('error', () => {});
  await once(silent, 'connect');
  while (clock.pending === 0) await new Promise(setImmediate);
  await clock.advance(20_001);
  await once(silent.resume(), 'close');
  assert.equal((await ask(port, tls.certificate)).status, 200);
  assert.deepEqual(events, []);
});

test('a new certificate serves new connections, and old ones go on', async (t) => {
  const [first, second] = [await pair(t), await pair(t)];
  const { port, server } = await serve(t, { tls: first });
  const old = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: first.certificate });
  t.after(() => old.destroy());
  await once(old, 'secureConnect');
  server.useTls(second);
  old.write('GET /home/none HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = (await once(old, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 404/);
  assert.equal((await ask(port, second.certificate)).status, 200);
  await assert.rejects(ask(port, first.certificate));
});
