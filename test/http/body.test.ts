/** Bodies as the handlers read them: whole ones by events, long ones at a pace that leaves the event loop to others. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { bodyOf, readBody } from '../../src/http/body.js';
import { withCode } from '../suites/index-driver.js';

const KiB = 1024;

/** What Node's server makes of a request, as far as its body goes. `complete` is to be set by who pushes the end. */
class Body extends Readable {
  complete = false;

  constructor(readonly headers: Readonly<Record<string, string>> = { 'transfer-encoding': 'chunked' }) {
    super({ highWaterMark: 4096 * KiB });
  }

  override _read(): void {}

  finish(): void {
    this.complete = true;
    this.push(null);
  }

  get request(): IncomingMessage {
    return this as unknown as IncomingMessage;
  }
}

test('of all long bodies together some 2 MiB are handled in one turn of the event loop', async () => {
  const pieceBytes = 64 * KiB;
  const bodies = Array.from({ length: 8 }, () => new Body());
  for (const body of bodies) {
    for (let piece = 0; piece < 16; piece += 1) body.push(Buffer.alloc(pieceBytes));
    body.finish();
  }
  let handledBytes = 0;
  let isOver = false;
  const inTurns: number[] = [];
  const watch = (): void => {
    inTurns.push(handledBytes);
    handledBytes = 0;
    if (!isOver) setImmediate(watch);
  };
  setImmediate(watch);
  let bytes = 0;
  await Promise.all(
    bodies.map(async ({ request }) => {
      for await (const part of bodyOf(request)) {
        handledBytes += part.length;
        bytes += part.length;
      }
    }),
  );
  isOver = true;
  assert.equal(bytes, 8 * 1024 * KiB);
  assert.ok(Math.max(...inTurns, handledBytes) <= 2048 * KiB + pieceBytes, `handled in turns: ${inTurns}`);
});

test('a body that comes in pieces is whole', async () => {
  const body = new Body();
  const read = readBody(body.request, 100);
  for (const piece of ['<a', '>', 'text</a>']) {
    body.push(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  body.finish();
  assert.equal((await read).toString(), '<a>text</a>');
});

test('a body without bytes is empty', async () => {
  const body = new Body();
  body.finish();
  assert.equal((await readBody(body.request, 100)).length, 0);
});

test('a body longer than it may be is refused, and not read on until somebody wants to get rid of it', async () => {
  const body = new Body();
  const read = readBody(body.request, 3);
  for (const piece of ['ab', 'cd', 'ef']) body.push(piece);
  await assert.rejects(read, withCode('BAD_REQUEST'));
  body.push('gh');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(body.isPaused(), true);
  body.finish();
  const ended = new Promise((resolve) => body.once('end', resolve));
  body.resume();
  await ended;
});

test('an announced length that is too much is refused before a byte of it is read', async () => {
  const body = new Body({ 'content-length': '101' });
  body.push('x');
  await assert.rejects(readBody(body.request, 100), withCode('BAD_REQUEST'));
  assert.equal(body.readableLength, 1);
});

for (const [how, leave] of [
  ['fails', (body: Body) => body.destroy(new Error('reset'))],
  ['is closed', (body: Body) => body.destroy()],
  ['ends before its length', (body: Body) => body.push(null)],
] as const) {
  test(`a body whose connection ${how} in the middle is incomplete`, async () => {
    const body = new Body({ 'content-length': '10' });
    body.on('error', () => undefined);
    const read = readBody(body.request, 100);
    body.push('half');
    await new Promise((resolve) => setImmediate(resolve));
    leave(body);
    await assert.rejects(read, withCode('INCOMPLETE_BODY'));
  });
}

test('a body whose sender had left already is incomplete', async () => {
  const body = new Body();
  body.destroy();
  await assert.rejects(readBody(body.request, 100), withCode('INCOMPLETE_BODY'));
});
