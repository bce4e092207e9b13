/** No client is left without a sign for 10 s; trouble that lasts ends in a 503 and a closed connection. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { DriveError } from '../../src/core/errors.js';
import { startServer } from '../../src/server/start-server.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { settleAll, until } from '../volume/volume-fixture.js';

/** A volume that answers nothing before it is let go. */
async function stuckServer(t: TestContext) {
  const clock = new ManualClock();
  const volume = new MemoryVolume('home', clock);
  const held: (() => void)[] = [];
  let failure: DriveError | undefined;
  volume.stat = async (path) => {
    await new Promise<void>((resolve) => held.push(resolve));
    if (failure) throw failure;
    return MemoryVolume.prototype.stat.call(volume, path);
  };
  const server = await startServer({ volumes: [volume], port: 0, clock });
  t.after(() => server.close());
  const letGo = (error?: DriveError): void => {
    failure = error;
    for (const go of held.splice(0)) go();
  };
  t.after(() => letGo());
  const ask = async (userAgent: string, version = '1.1', method = 'GET', more = '\r\n') => {
    const socket: Socket = connect({ host: '127.0.0.1', port: server.address.port });
    const state = { text: '', hasEnded: false };
    socket.on('data', (part) => {
      state.text += part.toString('latin1');
    });
    socket.on('close', () => {
      state.hasEnded = true;
    });
    t.after(() => socket.destroy());
    socket.write(`${method} /home/a HTTP/${version}\r\nHost: localhost\r\nUser-Agent: ${userAgent}\r\n${more}`);
    await until(() => held.length > 0);
    return state;
  };
  return { clock, ask, letGo };
}

const interim = (text: string): number => text.split('HTTP/1.1 102 Processing\r\n\r\n').length - 1;

test('an answer that is late is announced before 10 s of silence, again and again', async (t) => {
  const { clock, ask, letGo } = await stuckServer(t);
  const answer = await ask('davfs2/1.6.1 neon/0.32.5');
  await clock.advance(7_000);
  assert.equal(answer.text, '');
  await clock.advance(3_000);
  await until(() => interim(answer.text) === 1);
  await clock.advance(10_000);
  await until(() => interim(answer.text) === 2);
  letGo();
  await until(() => answer.text.includes('HTTP/1.1 404'));
  await clock.advance(60_000);
  assert.equal(interim(answer.text), 2, 'none after the answer');
});

test('an upload whose body is here and left unread is announced, one whose body has not come is not', async (t) => {
  const bodyBytes = 1024 * 1024;
  const head = `Content-Length: ${bodyBytes}\r\n\r\n`;
  const { clock, ask, letGo } = await stuckServer(t);
  const silent = await ask('davfs2/1.6.1 neon/0.32.5', '1.1', 'PUT', head);
  const whole = await ask('davfs2/1.6.1 neon/0.32.5', '1.1', 'PUT', `${head}${'x'.repeat(bodyBytes)}`);
  // How soon the bytes come in is not in our hands; the connection of a silent sender is cut after 120 s.
  for (let passed = 0; passed < 90_000 && interim(whole.text) === 0; passed += 2_000) {
    await clock.advance(2_000);
    await settleAll();
  }
  const announced = [silent.text, whole.text].map(interim);
  letGo(new DriveError('UNAVAILABLE'));
  await until(() => whole.hasEnded);
  assert.match(whole.text, /HTTP\/1\.1 503 /);
  assert.deepEqual(announced, [0, 1]);
});

test('clients that are not known to read interim answers get none', async (t) => {
  for (const [userAgent, version] of [
    ['WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)', '1.1'],
    ['Microsoft-WebDAV-MiniRedir/10.0.26100', '1.1'],
    ['python-requests/2.34.2', '1.1'],
    ['', '1.1'],
    ['old', '1.0'],
  ] as const) {
    const { clock, ask, letGo } = await stuckServer(t);
    const answer = await ask(userAgent, version);
    await clock.advance(30_000);
    letGo();
    await until(() => answer.text.includes(' 404 '));
    assert.equal(interim(answer.text), 0, userAgent);
  }
});

test('trouble that lasts is a 503 with Retry-After, and the connection ends', async (t) => {
  const { ask, letGo } = await stuckServer(t);
  const answer = await ask('any');
  letGo(new DriveError('UNAVAILABLE'));
  await until(() => answer.hasEnded);
  assert.match(answer.text, /^HTTP\/1\.1 503 /);
  assert.match(answer.text, /\r\nRetry-After: \d+\r\n/i);
  assert.match(answer.text, /\r\nConnection: close\r\n/i);
});
