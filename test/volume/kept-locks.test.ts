/** A DAV lock under which an upload was admitted lives until the upload ends, and no longer than it would afterwards. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import type { Conditions, Volume } from '../../src/volume/volume.js';
import { WindowsVolume } from '../../src/webdav/volumes/windows-volume.js';
import { withCode } from '../suites/index-driver.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { settleAll, TestVolume, until } from './volume-fixture.js';

const lockMs = 60_000;
const wanted = { scope: 'exclusive', depth: 0, owner: '', timeoutMs: lockMs } as const;

interface Begun {
  readonly volume: Volume;
  readonly clock: ManualClock;
}

function inMemory(): Promise<Begun> {
  const clock = new ManualClock();
  return Promise.resolve({ clock, volume: new MemoryVolume('home', clock) });
}

async function real(t: TestContext): Promise<Begun> {
  const drive = await TestVolume.create(t);
  const { clock, random } = drive;
  return { clock, volume: new DriveVolume({ id: '0', name: 'home', engine: async () => drive.engine, clock, random }) };
}

const holding = (token: string): Conditions => ({
  ifLists: [{ resource: 'request', conditions: [{ not: false, kind: 'token', value: token }] }],
});

/** Time passes in steps, each followed by small ones until what it started has happened. */
async function pass({ volume, clock }: Begun, durationMs: number): Promise<void> {
  const left = async () => ((await volume.locks(['file']))[0]?.expires ?? 0) - clock.now();
  for (let passed = 0; passed < durationMs; passed += lockMs / 4) {
    await clock.advance(lockMs / 4);
    for (let tries = 1; (await left()) <= lockMs / 4; tries += 1) {
      assert.ok(tries < 4_000, 'the lock is not refreshed');
      await systemClock.sleep(5);
      // It may look again a little later only.
      if (tries % 40 === 0) await clock.advance(10);
    }
  }
}

for (const [what, begin] of [
  ['in memory', inMemory],
  ['on a real volume', real],
] as const) {
  test(`the lock of an upload does not end before it (${what})`, async (t) => {
    const begun = await begin(t);
    const { volume, clock } = begun;
    const { lock } = await volume.lock(['file'], wanted);
    const conditions = holding(lock.token);
    const upload = await volume.upload({ under: { path: ['file'], conditions } });
    await upload.write(Buffer.from('slow'));
    await pass(begun, 20 * lockMs);
    await assert.rejects(volume.lock(['file'], wanted), withCode('LOCKED'), 'nobody else gets it');
    await volume.put(['file'], await upload.finish(), { conditions });
    await clock.advance(lockMs + 1);
    await settleAll();
    assert.deepEqual(await volume.locks(['file']), [], 'it is refreshed no more');
    assert.equal(clock.pending, 0);
  });

  test(`an upload that is aborted, or whose lock is given up, keeps nothing alive (${what})`, async (t) => {
    const { volume, clock } = await begin(t);
    const { lock } = await volume.lock(['file'], wanted);
    const conditions = holding(lock.token);
    const aborted = await volume.upload({ under: { path: ['file'], conditions } });
    await aborted.abort();
    await clock.advance(lockMs + 1);
    assert.deepEqual(await volume.locks(['file']), []);

    const second = await volume.lock(['file'], wanted);
    const upload = await volume.upload({ under: { path: ['file'], conditions: holding(second.lock.token) } });
    await settleAll();
    await volume.unlock(['file'], second.lock.token, {});
    await clock.advance(lockMs);
    await until(() => clock.pending === 0);
    assert.deepEqual(await volume.locks(['file']), []);
    await upload.abort();
  });
}

test('the lock of an upload does not end before it where Windows writes the name in another case', async (t) => {
  const begun = await real(t);
  const { volume } = begun;
  const { lock } = await volume.lock(['file'], wanted);
  const conditions = holding(lock.token);
  const forWindows = new WindowsVolume(volume);
  const upload = await forWindows.upload({ under: { path: ['FILE'], conditions } });
  await pass(begun, 2 * lockMs);
  const { created } = await forWindows.put(['FILE'], await upload.finish(), { conditions });
  assert.equal(created, false);
});

test('the lock of a partial update does not end while its short body comes', async (t) => {
  const begun = await real(t);
  const { volume } = begun;
  const { lock } = await volume.lock(['file'], wanted);
  let goOn = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from('a');
    await waiting;
    yield Buffer.from('b');
  }
  const amendment = { from: 'end', offset: 0, sizeBytes: 2, body: body() } as const;
  const amended = volume.amend(['file'], amendment, { conditions: holding(lock.token) });
  await pass(begun, 2 * lockMs);
  goOn();
  assert.equal((await amended).sizeBytes, 2);
});
