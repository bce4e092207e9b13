/** A long listing leaves the server to others: pages are bounded, and the event loop turns between two of them. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { DriveVolume } from '../../src/volume/drive-volume.js';
import type { VolumeEngine } from '../../src/volume/engine.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryTree } from '../support/memory-tree.js';
import { SeededRandom } from '../support/seeded-random.js';
import { exchangeWhole, serveVolume } from './dav-client.js';

const root = new MemoryTree(new ManualClock()).root.row;
const mostRows = 512;
/** Of rows some 250 bytes each: more than the system's buffers take. */
const mostPages = 2_000;

test('others are answered while a folder is listed that never seems to end, one bounded page in a turn', async (t) => {
  let turn = 0;
  let isWatching = true;
  const watch = (): void => {
    turn += 1;
    if (isWatching) setImmediate(watch);
  };
  setImmediate(watch);
  const turns: number[] = [];
  let isOtherAnswered = false;
  const reader = {
    lookup: (path: readonly string[]) => (path.length === 0 ? root : undefined),
    list(_: number, after: string, limit: number) {
      assert.ok(limit <= mostRows, `a page of ${limit} rows`);
      turns.push(turn);
      if (turns.length === 3) void other();
      const rows = Array.from({ length: limit }, (_, at) => ({ ...root, id: at + 2, kind: 'file', name: `n${at}` }));
      return { rows, next: isOtherAnswered || turns.length >= mostPages ? null : `${after}n` };
    },
  };
  const engine = { reader } as unknown as VolumeEngine;
  const volume = new DriveVolume({
    id: '0',
    name: 'home',
    engine: async () => engine,
    clock: new ManualClock(),
    random: new SeededRandom(1),
  });
  const { server, port } = await serveVolume(volume);
  const agent = new Agent({ keepAlive: true });
  t.after(async () => {
    isWatching = false;
    agent.destroy();
    await server.close();
  });
  const missing = () => exchangeWhole(port, 'PROPFIND', '/home/none', { headers: { Depth: '0' }, agent });
  const other = async (): Promise<void> => {
    assert.equal((await missing()).status, 404);
    isOtherAnswered = true;
  };
  await missing();
  const listing = await exchangeWhole(port, 'PROPFIND', '/home/', { headers: { Depth: '1' } });
  assert.equal(listing.status, 207);
  assert.ok(isOtherAnswered && turns.length < mostPages, `no answer within ${turns.length} pages`);
  assert.equal(new Set(turns).size, turns.length, 'two pages were made in one turn of the event loop');
});
