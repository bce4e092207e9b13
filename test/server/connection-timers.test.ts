/** The sweeps over running requests keep no timer when they have ended, whatever comes late. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { IdleSweeper } from '../../src/server/connections/idle-sweeper.js';
import { LateAnswers } from '../../src/server/connections/late-answers.js';
import { ManualClock } from '../support/manual-clock.js';

/** The least that a sweep looks at: a request that came whole and is not answered. */
function exchange(): [IncomingMessage, ServerResponse] {
  const socket = { bytesRead: 0, bytesWritten: 0 };
  const request = { socket, complete: true, readableLength: 0, httpVersionMajor: 1, httpVersionMinor: 1 };
  const response = Object.assign(new EventEmitter(), { writableLength: 0, headersSent: false });
  return [request as IncomingMessage, response as unknown as ServerResponse];
}

for (const Sweep of [IdleSweeper, LateAnswers]) {
  test(`${Sweep.name} has a timer while a request runs, and none after its end`, async () => {
    const clock = new ManualClock();
    const sweep = new Sweep(clock);
    sweep.watch(...exchange());
    assert.equal(clock.pending, 1);
    sweep.stop();
    assert.equal(clock.pending, 0);
    sweep.watch(...exchange());
    assert.equal(clock.pending, 0, 'a request that was under way when the server closed');
  });
}
