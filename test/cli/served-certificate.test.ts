/** The certificate of a server that runs: renewed before its end, exchanged when its files are, missed by nobody in silence. */
import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { keepCertificate } from '../../src/cli/certificates/served-certificate.js';
import { ownCertificate, readCertificate } from '../../src/config/tls/certificates.js';
import type { DriveEvent } from '../../src/drive-contract.js';
import type { TlsMaterial } from '../../src/server/start-server.js';
import { ManualClock, settle } from '../support/manual-clock.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { FakeShell } from './fake-context.js';

const day = 24 * 3600 * 1000;
const names = ['localhost'];

/** One that was made so many days ago; an own one is good for 800. */
async function madeBefore(t: TestContext, clock: ManualClock, days: number) {
  const directory = await temporaryFolder(t);
  await ownCertificate(directory, { names, now: clock.now() - days * day });
  const certificate = join(directory, 'tls-certificate.pem');
  const key = join(directory, 'tls-key.pem');
  return { directory, given: { certificate, key }, first: await readCertificate({ certificate, key }, 0) };
}

function keep(t: TestContext, clock: ManualClock, options: Awaited<ReturnType<typeof madeBefore>>, isGiven: boolean) {
  const events: DriveEvent[] = [];
  const used: TlsMaterial[] = [];
  const { directory, given, first } = options;
  const shell = new FakeShell(directory);
  shell.clock = clock;
  const server = {
    address: { host: '127.0.0.1', port: 1 },
    useTls: (material: TlsMaterial) => void used.push(material),
    close: async () => {},
  };
  const source = { directory, names, given: isGiven ? given : undefined };
  const kept = keepCertificate(shell.context, { source, first, server, onEvent: (event) => events.push(event) });
  t.after(() => kept.stop());
  /** One day on; the look at the files has ended when the next one is planned. */
  const nextDay = async () => {
    await clock.advance(day);
    while (clock.pending === 0) await settle();
  };
  return { kept, events, used, nextDay, said: () => events.map(({ message }) => message).join('\n') };
}

test('the drive’s own certificate is made anew 30 days before its end, while it is served', async (t) => {
  const clock = new ManualClock();
  const made = await madeBefore(t, clock, 768);
  const { kept, used, nextDay, said } = keep(t, clock, made, false);
  await nextDay();
  assert.deepEqual([used.length, kept.current.fingerprint], [0, made.first.fingerprint]);
  await nextDay();
  assert.equal(used.length, 1);
  assert.equal(used[0]!.certificate, kept.current.certificate);
  assert.notEqual(kept.current.fingerprint, made.first.fingerprint);
  assert.ok(said().includes(kept.current.fingerprint), 'people compare it anew');
  await nextDay();
  assert.equal(used.length, 1);
  kept.stop();
  assert.equal(clock.pending, 0);
});

test('a given certificate is spoken of before its end, and taken when its files change', async (t) => {
  const clock = new ManualClock();
  const old = await madeBefore(t, clock, 780);
  const { kept, used, events, nextDay, said } = keep(t, clock, old, true);
  assert.match(said(), /ends in 20 days/);
  await rm(old.given.key);
  await nextDay();
  assert.equal(events.at(-1)?.level, 'error');
  assert.match(said(), /tls-key\.pem cannot be read/);
  assert.deepEqual([used.length, kept.current.fingerprint], [0, old.first.fingerprint], 'the old one stays in use');
  const renewed = await madeBefore(t, clock, 0);
  await copyFile(renewed.given.key, old.given.key);
  await copyFile(renewed.given.certificate, old.given.certificate);
  await nextDay();
  assert.deepEqual([used.length, kept.current.fingerprint], [1, renewed.first.fingerprint]);
  const count = events.length;
  await nextDay();
  assert.equal(events.length, count, 'nothing more to say');
});
