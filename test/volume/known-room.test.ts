import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KnownRoom } from '../../src/volume/space.js';
import { ManualClock } from '../support/manual-clock.js';

const GiB = 1024 ** 3;

function roomOf(freeBytes: number) {
  const world = { freeBytes, asked: 0, clock: new ManualClock() };
  const room = new KnownRoom(world.clock, () => {
    world.asked += 1;
    return world.freeBytes;
  });
  return { world, room };
}

describe('room that is known', () => {
  it('is asked for once a second while there is plenty', async () => {
    const { world, room } = roomOf(10 * GiB);
    for (let turn = 0; turn < 10; turn++) assert.ok(room.fits(4096));
    await world.clock.advance(999);
    assert.ok(room.fits(4096));
    assert.equal(world.asked, 1);
    await world.clock.advance(1);
    assert.ok(room.fits(4096));
    assert.equal(world.asked, 2);
  });

  it('is asked for each time when it is short', () => {
    const { world, room } = roomOf(GiB / 2);
    assert.ok(room.fits(GiB / 4));
    world.freeBytes = 1000;
    assert.ok(!room.fits(1001));
    assert.ok(room.fits(1000));
    world.freeBytes = GiB;
    assert.ok(room.fits(GiB));
  });

  it('is what is left after those that were let in', () => {
    const { world, room } = roomOf(10 * GiB);
    assert.ok(room.fits(9.5 * GiB));
    world.freeBytes = GiB / 4;
    assert.ok(!room.fits(GiB / 2));
  });

  it('never refuses by an old figure', () => {
    const { world, room } = roomOf(2 * GiB);
    assert.ok(room.fits(1));
    world.freeBytes = 20 * GiB;
    assert.ok(room.fits(10 * GiB));
  });
});
