/** F10: the same saves while nodes are away, fail or are slow, and across a crash. No step may answer differently. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from '../../support/manual-clock.js';
import { type IndexedServer, serveIndexed } from '../indexed-server.js';
import { store } from '../requests.js';
import { Finder } from './finder.js';
import { copyLargeFile, copySmallFile, editInPlace, type Interruption } from './finder-scenarios.js';

const MiB = 1024 * 1024;

async function saveEverything(finder: Finder, server: IndexedServer, interruption: Interruption = {}): Promise<void> {
  await store(server, '/home/edited.txt', 'old');
  await copySmallFile(finder, '/home/', 'small.txt', interruption);
  await copyLargeFile(finder, server, '/home/large.bin', Buffer.alloc(3 * MiB + 5, 'large '), interruption);
  await editInPlace(finder, '/home/edited.txt', interruption);
  assert.equal((await finder.list('/home/')).length, 5);
}

for (const letter of ['a', 'b', 'c']) {
  test(`F10: node ${letter} is away all the time`, async (t) => {
    const server = await serveIndexed(t);
    await server.drive.takeAway(letter);
    await saveEverything(new Finder(t, server), server);
    await server.drive.bringBack(letter);
  });
}

test('F10: a node leaves between the lock and the content, and is back for the next file', async (t) => {
  const server = await serveIndexed(t);
  const { drive } = server;
  let isAway = false;
  await saveEverything(new Finder(t, server), server, {
    beforeContent: async () => {
      if (isAway) await drive.bringBack('b');
      else await drive.takeAway('b');
      isAway = !isAway;
    },
  });
  if (isAway) await drive.bringBack('b');
});

for (const [operation, effect] of [
  ['write', 'NODE_IO'],
  ['write', 'torn'],
  ['sync', 'NODE_IO'],
] as const) {
  test(`F10: nodes fail in the middle of a save (${operation}: ${effect})`, async (t) => {
    const server = await serveIndexed(t);
    let planned = false;
    await saveEverything(new Finder(t, server), server, {
      midway: async () => {
        if (!planned) server.drive.store('a').plan({ operation, effect, name: 'seg' });
        planned = true;
      },
    });
  });
}

test('F10: every operation of every node takes 5 s', async (t) => {
  const server = await serveIndexed(t);
  const { drive } = server;
  // Time moves only while a node makes somebody wait: it is not to run out for the locks meanwhile.
  let waiting = 0;
  for (const letter of ['a', 'b', 'c']) {
    drive.store(letter).delay = async () => {
      waiting += 1;
      await drive.clock.sleep(5_000);
      waiting -= 1;
    };
  }
  let running = true;
  const pump = (async () => {
    while (running) await (waiting > 0 ? drive.clock.advance(1_000) : settle());
  })();
  const began = drive.clock.now();
  try {
    await saveEverything(new Finder(t, server), server);
  } finally {
    for (const letter of ['a', 'b', 'c']) drive.store(letter).delay = async () => undefined;
    while (waiting > 0) await settle();
    running = false;
    await pump;
  }
  assert.ok(drive.clock.now() - began >= 60_000, 'it was slow');
});

test('F10: the process is killed between the lock and the content', async (t) => {
  const server = await serveIndexed(t);
  const { drive } = server;
  await saveEverything(new Finder(t, server), server, {
    beforeContent: async () => {
      await drive.crash();
      await drive.reopen();
    },
  });
});
