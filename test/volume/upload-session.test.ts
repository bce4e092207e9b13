/** Uploads: bounded memory, small recordings on the way, and no trace of those that end early. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { testSafety } from '../../src/core/safety-parameters.js';
import type { VolumeEngine } from '../../src/volume/engine.js';
import { names, randomBytes } from '../drive/drive-fixture.js';
import { withCode } from '../suites/index-driver.js';
import { settleAll, TestVolume, until } from './volume-fixture.js';

const MiB = 1024 * 1024;

async function send(upload: Awaited<ReturnType<VolumeEngine['upload']>>, bytes: Buffer, step = 65_536): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) await upload.write(bytes.subarray(at, at + step));
}

async function put(
  volume: TestVolume,
  name: string,
  upload: Awaited<ReturnType<VolumeEngine['upload']>>,
): Promise<void> {
  const { staged, chunks, session } = await upload.finish();
  await volume.change({ kind: 'put', path: names(name), content: staged }, chunks);
  session.end();
}

async function read(volume: TestVolume, name: string): Promise<Buffer> {
  const reader = volume.engine.open(names(name));
  const parts: Buffer[] = [];
  for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
  reader.close();
  return Buffer.concat(parts);
}

test('a long body is recorded on the way, so that little is left to do after the last byte', async (t) => {
  const volume = await TestVolume.create(t);
  const bytes = randomBytes(9 * MiB + 17);
  const upload = await volume.engine.upload({});
  await send(upload, bytes);
  await until(() => volume.meta.reader.unfinishedContents().length === 1);
  assert.deepEqual(volume.root(), [], 'nothing is visible');
  const { staged } = await upload.finish();
  assert.ok(staged.recorded >= 4 && staged.chunks.length <= 5, `${staged.recorded} of ${staged.chunks.length} more`);
  await put(volume, 'big', upload);
  assert.ok((await read(volume, 'big')).equals(bytes));
  assert.deepEqual(volume.meta.reader.unfinishedContents(), []);
  assert.deepEqual(volume.engine.segments.pinned(), []);
});

for (const sentBytes of [0, 1, MiB, 5 * MiB + 1, 9 * MiB]) {
  test(`an upload that is aborted after ${sentBytes} bytes leaves nothing pinned, visible or unfinished`, async (t) => {
    const volume = await TestVolume.create(t);
    const upload = await volume.engine.upload({});
    await send(upload, randomBytes(sentBytes));
    await upload.abort();
    await upload.abort();
    assert.deepEqual(volume.engine.segments.pinned(), []);
    assert.deepEqual(volume.meta.reader.unfinishedContents(), []);
    assert.deepEqual(volume.root(), []);
    await assert.rejects(upload.write(Buffer.from('x')));
    await assert.rejects(upload.finish());
  });
}

test('an upload whose signal fires stops', async (t) => {
  const volume = await TestVolume.create(t);
  const stop = new AbortController();
  const upload = await volume.engine.upload({ signal: stop.signal });
  await send(upload, randomBytes(2 * MiB));
  stop.abort();
  await assert.rejects(send(upload, randomBytes(MiB)), withCode('ABORTED'));
  await upload.abort();
  assert.deepEqual(volume.engine.segments.pinned(), []);
});

test('what a crash leaves of an upload is pruned at the next opening', async (t) => {
  const volume = await TestVolume.create(t);
  await send(await volume.engine.upload({}), randomBytes(9 * MiB));
  await until(() => volume.meta.reader.unfinishedContents().length === 1);
  await volume.crash();
  await volume.reopen();
  assert.deepEqual(volume.meta.reader.unfinishedContents(), []);
  assert.deepEqual(volume.root(), []);
});

test('equal chunks are stored once, within an upload and over uploads', async (t) => {
  const volume = await TestVolume.create(t);
  const chunk = randomBytes(MiB);
  const first = await volume.engine.upload({});
  await send(first, Buffer.concat([chunk, chunk, chunk]));
  await put(volume, 'first', first);
  const { storedBytes, liveBytes } = volume.meta.reader.counts();
  const second = await volume.engine.upload({});
  await send(second, Buffer.concat([chunk, chunk]));
  await put(volume, 'second', second);
  const after = volume.meta.reader.counts();
  assert.deepEqual([after.storedBytes, after.liveBytes], [storedBytes, liveBytes]);
  assert.ok((await read(volume, 'second')).equals(Buffer.concat([chunk, chunk])));
});

/** Disks that take no byte until they are let go. */
function hold(t: TestContext, volume: TestVolume): () => void {
  let letGo = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  for (const store of volume.stores.values()) store.delay = () => gate;
  t.after(() => letGo());
  return letGo;
}

test('a client is held back while the disks are: few chunks are under way', async (t) => {
  const volume = await TestVolume.create(t);
  const letGo = hold(t, volume);
  const upload = await volume.engine.upload({});
  let writtenBytes = 0;
  const bytes = randomBytes(8 * MiB);
  const sending = (async () => {
    for (let at = 0; at < bytes.length; at += MiB) {
      await upload.write(bytes.subarray(at, at + MiB));
      writtenBytes += MiB;
    }
  })();
  await settleAll(500);
  assert.ok(writtenBytes <= 3 * MiB, `${writtenBytes} bytes were taken`);
  letGo();
  await sending;
  await put(volume, 'file', upload);
  assert.ok((await read(volume, 'file')).equals(bytes));
});

test('all uploads together hold a bounded number of bytes; one that ends while it waits gives back what it is granted', async (t) => {
  const volume = await TestVolume.create(t);
  const letGo = hold(t, volume);
  const uploads = await Promise.all(Array.from({ length: 40 }, () => volume.engine.upload({})));
  let granted = 0;
  const writes = uploads.map((upload, index) =>
    upload.write(randomBytes(1_000, index)).then(
      () => {
        granted += 1;
      },
      () => undefined,
    ),
  );
  await settleAll(500);
  assert.equal(granted, 32, 'one chunk of the budget each');
  const aborts = uploads.map((upload) => upload.abort());
  letGo();
  await Promise.all([...writes, ...aborts]);
  const last = await Promise.all(Array.from({ length: 32 }, () => volume.engine.upload({})));
  await Promise.all(last.map((upload) => upload.write(Buffer.from('x'))));
  await Promise.all(last.map((upload) => upload.abort()));
});

test('of bodies whose length is not known each further chunk counts whole', async (t) => {
  const volume = await TestVolume.create(t);
  const letGo = hold(t, volume);
  const uploads = await Promise.all(Array.from({ length: 20 }, () => volume.engine.upload({})));
  let granted = 0;
  const writes = uploads.map((upload, index) =>
    upload.write(randomBytes(MiB, index)).then(async () => {
      await upload.write(Buffer.from('x'));
      granted += 1;
    }),
  );
  await settleAll(500);
  assert.equal(granted, 12, 'the others have no room for a second chunk');
  letGo();
  await Promise.all(writes);
  await Promise.all(uploads.map((upload) => upload.abort()));
});

test('a body that cannot fit is refused before it is read', async (t) => {
  const volume = await TestVolume.create(t);
  const { availableBytes } = volume.engine.space();
  await assert.rejects(volume.engine.upload({ expectedBytes: availableBytes + 1 }), withCode('OUT_OF_SPACE'));
});

/** All disks go away while a chunk is on its way; `settled` tells whether the upload has ended. */
async function loseAllDisks(volume: TestVolume) {
  for (const { id } of volume.nodes) volume.node(id[0]!).signal('gone', 'pulled');
  const upload = await volume.engine.upload({});
  const bytes = randomBytes(2 * MiB + 1);
  const state = { failure: undefined as unknown, hasEnded: false };
  const { pending } = volume.clock;
  const sending = send(upload, bytes)
    .then(() => upload.finish())
    .catch((error: unknown) => {
      state.failure = error;
    })
    .finally(() => {
      state.hasEnded = true;
    });
  // Chunks are hashed in real time; then each of the three waits for a disk.
  await until(() => volume.clock.pending >= pending + 3);
  await volume.clock.advance(testSafety.retryMs / 2);
  await settleAll();
  assert.equal(state.hasEnded, false, 'it waits');
  return { upload, bytes, state, sending };
}

test('disks that are all away for a moment do not fail an upload', async (t) => {
  const volume = await TestVolume.create(t);
  const { upload, bytes, state, sending } = await loseAllDisks(volume);
  for (const { id } of volume.nodes) {
    volume.node(id[0]!).signal('seen', null);
    volume.node(id[0]!).welcome();
  }
  await volume.clock.advance(500);
  await until(() => state.hasEnded);
  await sending;
  assert.equal(state.failure, undefined);
  await put(volume, 'file', upload);
  assert.ok((await read(volume, 'file')).equals(bytes));
});

test('disks that stay away fail it in the end with UNAVAILABLE, and nothing stays', async (t) => {
  const volume = await TestVolume.create(t);
  const { upload, state } = await loseAllDisks(volume);
  await volume.clock.advance(testSafety.retryMs);
  await until(() => state.hasEnded);
  assert.ok(withCode('UNAVAILABLE')(state.failure), String(state.failure));
  await upload.abort();
  assert.deepEqual(volume.engine.segments.pinned(), []);
});
