import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Healer } from '../../../src/maintenance/healing/healer.js';
import { forecastLoss } from '../../../src/store/loss-forecast.js';
import { placementTable } from '../../../src/store/placement-table.js';
import { isReadable } from '../../../src/store/store-node.js';
import { SeededRandom } from '../../support/seeded-random.js';
import { openHost } from '../host-fixture.js';

const { signal } = new AbortController();

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`the healer does what the forecast of a loss says (seed ${seed})`, async (t) => {
    const random = new SeededRandom(seed);
    const pick = (below: number) => random.bytes(1)[0]! % below;
    const replicas = 2 + pick(2);
    const host = await openHost(t, { letters: 'abcdef'.slice(0, replicas + 1 + pick(2)), replicas });
    for (let file = 0; file < 25; file += 1)
      await host.save({ name: `file-${file}`, bytes: 20_000 + 1_000 * pick(200), seed: 100 * seed + file });
    const lost = host.all[pick(host.all.length)]!;
    // Room for some of what is lost only.
    const { reserveBytes } = host.segments.limits();
    for (const node of host.all)
      node.space = { totalBytes: 1e9, freeInodes: 1e6, freeBytes: reserveBytes + 200_000 * (1 + pick(8)) };
    const used = new Map(host.reader.nodes().map((row) => [row.id, row.usedBytes]));
    const table = placementTable(host.all, (id) => used.get(id) ?? 0);
    const found = forecastLoss({
      segments: host.reader.segments('', 1000),
      nodes: table.map((row, index) => ({ ...row, readable: isReadable(host.all[index]!.state) })),
      lost: [lost.id],
      wantedCopies: () => replicas,
      reserveBytes,
    });
    lost.leave(host.clock.now());
    await host.clock.advance(1_001);
    const healer = new Healer(host);
    const spaces = new Map(
      host.all.map((node) => [node.id, { free: node.space!.freeBytes, used: used.get(node.id)! }]),
    );
    for (let result = 'worked'; result !== 'idle'; ) {
      result = await healer.step(signal);
      // As a real node: what is written is taken from what is free.
      for (const row of host.reader.nodes()) {
        const before = spaces.get(row.id)!;
        const node = host.node(row.id);
        if (node !== lost) node.space = { ...node.space!, freeBytes: before.free - (row.usedBytes - before.used) };
      }
    }
    assert.ok(found.copies.length > 0);
    assert.equal(healer.status().copiedBytes, found.copyBytes);
    for (const { segment, node } of found.copies) {
      assert.ok(
        host.reader.segment(segment)!.replicas.some((replica) => replica.node === node),
        segment,
      );
    }
    const left = host.reader.degraded({ wanted: replicas, absent: [lost.id], limit: 1000 }).map(({ id }) => id);
    assert.deepEqual(left.sort(), [...found.unhealed].sort());
  });
}
