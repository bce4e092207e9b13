/** What clients rely on across a crash, and with files beyond 4 GiB: requirements that need the real program. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Answer, type Sent, send } from '../webdav/dav-client.js';
import { Finder } from '../webdav/replays/finder.js';
import { copyLargeFile, copySmallFile, editInPlace, type Interruption } from '../webdav/replays/finder-scenarios.js';
import { DavClient } from './tools/dav-client.js';
import { type DriveServer, mustBeSound, waitUntilWhole } from './tools/drive-server.js';
import { MemoryMeter } from './tools/memory-meter.js';
import { GiB, MiB, missing } from './tools/requirements.js';
import { TestVolume } from './tools/test-volume.js';
import { Workspace } from './tools/workspace.js';

/** A server that is killed and started again under the feet of its clients, each time on another port. */
class MortalServer {
  kills = 0;
  #server: DriveServer;
  readonly #volume: TestVolume;

  constructor(volume: TestVolume, server: DriveServer) {
    this.#volume = volume;
    this.#server = server;
  }

  get port(): number {
    return Number(new URL(this.#server.url).port);
  }

  send(method: string, path: string, sent?: Sent): Promise<Answer> {
    return send(this.port, method, path, sent);
  }

  async killAndRestart(): Promise<void> {
    this.kills += 1;
    await this.#server.kill();
    this.#server = await this.#volume.serve();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

test('M-04 M-36 F10: saves that Finder has begun outlive kill -9, and so does all that was acknowledged', {
  timeout: 900_000,
  skip: missing({}),
}, async (t) => {
  const workspace = await Workspace.create(t);
  const volume = await TestVolume.inFolders(workspace);
  const server = new MortalServer(volume, await volume.serve());
  const finder = new Finder(t, server);
  const interruption: Interruption = { beforeContent: () => server.killAndRestart() };
  const large = Buffer.alloc(5 * MiB + 17, 'large ');
  await copySmallFile(finder, '/drive/', 'small.txt', interruption);
  await copyLargeFile(finder, server, '/drive/large.bin', large, interruption);
  await editInPlace(finder, '/drive/small.txt', interruption);
  // The answer is the promise: nothing is between it and the kill.
  for (let round = 0; round < 3; round += 1) {
    const stored = await finder.send('PUT', `/drive/${round}`, {}, Buffer.alloc(MiB, `${round}`));
    assert.equal(stored.status, 201);
    await server.killAndRestart();
    const found = await finder.send('GET', `/drive/${round}`);
    assert.deepEqual([found.status, found.headers.etag], [200, stored.headers.etag]);
    assert.ok(found.body.equals(Buffer.alloc(MiB, `${round}`)));
  }
  assert.ok((await finder.send('GET', '/drive/large.bin')).body.equals(large));
  assert.ok(server.kills >= 7);
  await waitUntilWhole(volume.directory);
  await mustBeSound(volume.directory);
  await server.stop();
});

const sizeBytes = 5 * GiB;

test('M-42: a file of 5 GiB, up and down, without memory for it', {
  timeout: 2_400_000,
  skip: missing({ freeBytes: 2 * GiB }),
}, async (t) => {
  const workspace = await Workspace.create(t);
  const volume = await TestVolume.inFolders(workspace);
  const server = await volume.serve();
  const dav = new DavClient(server.url);
  await dav.must('PUT', 'warm', { body: Buffer.alloc(8 * MiB, 'warm') });
  await dav.must('GET', 'warm');
  using meter = new MemoryMeter(server.pid);
  const sent = createHash('sha256');
  const stored = await dav.must('PUT', 'big', { body: repeating(sent), sizeBytes, timeoutMs: 600_000 });
  assert.equal(stored.status, 201);
  assert.equal((await dav.send('HEAD', 'big')).headers['content-length'], String(sizeBytes));
  const listing = await dav.send('PROPFIND', 'big', { headers: { Depth: '0' } });
  assert.ok(listing.body.includes(`<D:getcontentlength>${sizeBytes}<`));
  const got = createHash('sha256');
  await dav.stream('GET', 'big', { timeoutMs: 600_000 }, (piece) => got.update(piece));
  assert.equal(got.digest('hex'), sent.digest('hex'));
  const range = { Range: `bytes=${sizeBytes - 5}-` };
  const end = await dav.send('GET', 'big', { headers: range });
  assert.deepEqual(
    [end.status, end.headers['content-range']],
    [206, `bytes ${sizeBytes - 5}-${sizeBytes - 1}/${sizeBytes}`],
  );
  t.diagnostic(`peak PSS: ${Math.round(meter.peakBytes / MiB)} MiB`);
  assert.ok(meter.peakBytes > 20 * MiB, 'the meter saw no server');
  assert.ok(meter.peakBytes < 250 * MiB, `${meter.peakBytes} bytes`);
  dav.close();
  await server.stop();
});

/** 64 different pieces over and over: equal chunks are stored once, so that the disk need not hold it all. */
function* repeating(hash: ReturnType<typeof createHash>): Generator<Buffer> {
  const pieces = Array.from({ length: 64 }, (_, at) => Buffer.alloc(MiB, `piece ${at} `));
  for (let at = 0; at < sizeBytes; at += MiB) {
    const piece = pieces[(at / MiB) % 64]!.subarray(0, Math.min(MiB, sizeBytes - at));
    hash.update(piece);
    yield piece;
  }
}
