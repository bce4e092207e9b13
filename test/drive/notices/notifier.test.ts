/** Notices reach a program and a webhook, hold up nothing, and tell no secrets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { NoticeTarget } from '../../../src/config/operator-file.js';
import { type Clock, systemClock } from '../../../src/core/clock.js';
import { hasCode } from '../../../src/core/errors.js';
import { systemContext } from '../../../src/drive/drive-context.js';
import { OperatorSettings } from '../../../src/drive/members/operator-settings.js';
import { Notifier } from '../../../src/drive/notices/notifier.js';
import type { DriveEvent } from '../../../src/drive-contract.js';
import { ManualClock } from '../../support/manual-clock.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const windows = process.platform === 'win32' && 'missing: a shell script as a program';

async function openNotifier(t: TestContext, { clock = systemClock as Clock } = {}) {
  const folder = await temporaryFolder(t);
  const troubles: string[] = [];
  const settings = await OperatorSettings.open(systemContext, folder, (problem) => troubles.push(problem));
  const report = (_: DriveEvent['level'], message: string) => troubles.push(message);
  const notifier = new Notifier({ settings, clock, volume: { id: '0123456789abcdef', name: 'home' }, report });
  t.after(() => notifier.close());
  return { notifier, folder, troubles };
}

/** Answers with `status`; what it was sent comes as text, in order. */
async function listen(t: TestContext, answer: (request: IncomingMessage, body: string) => number | undefined) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      const status = answer(request, body);
      if (status !== undefined) response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=secret`;
}

const gone = (number: number): DriveEvent => ({
  time: number,
  level: 'warning',
  kind: 'node-gone',
  message: `disk ${number}`,
});

test('a program gets each event as a line of JSON, without a shell', { skip: windows }, async (t) => {
  const { notifier, folder } = await openNotifier(t);
  const program = join(folder, 'tell; touch hacked');
  await writeFile(program, `#!/bin/sh\ncat >> '${folder}/told'\n`);
  await chmod(program, 0o700);
  await notifier.set({ command: [program] });
  notifier.offer({ time: 1, level: 'info', message: 'for the log alone' });
  notifier.offer(gone(2));
  notifier.offer(gone(3));
  await notifier.close();
  const told = (await readFile(join(folder, 'told'), 'utf8')).trim().split('\n');
  const events = told.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    events.map(({ volume, kind, message }) => [volume, kind, message]),
    [
      ['home', 'node-gone', 'disk 2'],
      ['home', 'node-gone', 'disk 3'],
    ],
  );
});

test('a webhook gets them as JSON in a POST', async (t) => {
  const { notifier } = await openNotifier(t);
  const requests: [string | undefined, string | undefined, string][] = [];
  const webhook = await listen(t, (request, body) => {
    requests.push([request.method, request.headers['content-type'], JSON.parse(body).message]);
    return 204;
  });
  await notifier.set({ webhook });
  notifier.offer(gone(1));
  await notifier.test();
  await notifier.close();
  assert.deepEqual(
    requests.map(([method, type]) => [method, type]),
    [
      ['POST', 'application/json'],
      ['POST', 'application/json'],
    ],
  );
  assert.deepEqual(requests.map(([, , message]) => message).sort(), ['disk 1', 'this is a test of the notices']);
});

test('a failure is told once, until one gets through again, and names no secret', async (t) => {
  const { notifier, troubles } = await openNotifier(t);
  const answers = [500, 500, 200, 500];
  const served: number[] = [];
  const webhook = await listen(t, () => {
    served.push(answers[served.length] ?? 200);
    return served.at(-1);
  });
  await notifier.set({ webhook });
  for (let number = 1; number <= 4; number += 1) notifier.offer(gone(number));
  await notifier.close();
  assert.deepEqual(served, answers);
  assert.equal(troubles.length, 2);
  for (const trouble of troubles) {
    assert.match(trouble, /the webhook at 127\.0\.0\.1:\d+: it answered 500/);
    assert.doesNotMatch(trouble, /secret|hook\?/);
  }
});

test('one that never answers is given up at its deadline, and what does not fit the queue is counted', async (t) => {
  const clock = new ManualClock();
  const { notifier, troubles } = await openNotifier(t, { clock });
  const omitted: number[] = [];
  let hang = true;
  const asked = new Promise<() => void>((resolve) => {
    void listen(t, (_, body) => {
      if (hang) {
        resolve(() => undefined);
        return undefined;
      }
      omitted.push(JSON.parse(body).omitted);
      return 200;
    }).then((webhook) => {
      void notifier.set({ webhook }).then(() => {
        for (let number = 0; number < 150; number += 1) notifier.offer(gone(number));
      });
    });
  });
  await asked;
  hang = false;
  await clock.advance(10_000);
  for (let turns = 0; omitted.length < 100 && turns < 10_000; turns += 1) await systemClock.sleep(1);
  assert.equal(omitted.length, 100);
  assert.deepEqual([omitted[0], omitted[1]], [49, 0]);
  assert.match(troubles[0]!, /it did not answer in time/);
});

test('a target that cannot work is refused, or told by the test', async (t) => {
  const { notifier } = await openNotifier(t);
  const set = (target: NoticeTarget) => notifier.set(target);
  await assert.rejects(notifier.test(), (error) => hasCode(error, 'NOT_FOUND'));
  await assert.rejects(set({ webhook: 'ftp://example.org' }), (error) => hasCode(error, 'USAGE'));
  await set({ command: ['/nowhere/tell'] });
  await assert.rejects(notifier.test(), (error) => {
    assert.ok(hasCode(error, 'UNAVAILABLE'));
    assert.match(error.message, /the command tell did not take the notice: it cannot be run \(ENOENT\)/);
    return true;
  });
  assert.deepEqual(await notifier.describe(), { target: 'the command tell' });
  await notifier.set(null);
  assert.deepEqual(await notifier.describe(), { target: null });
});

test('what is set outlives the process', async (t) => {
  const { notifier, folder } = await openNotifier(t);
  await notifier.set({ webhook: 'https://example.org/x' });
  const again = await OperatorSettings.open(systemContext, folder, (problem) => assert.fail(problem));
  assert.deepEqual(again.current.notices, { webhook: 'https://example.org/x' });
  await writeFile(join(folder, 'operator.json'), '{"format":1,"notices":{"webhook":7},"windows":{"a":"b","c":5}}');
  const odd = await OperatorSettings.open(systemContext, folder, (problem) => assert.fail(problem));
  assert.deepEqual(odd.current, { notices: null, windows: { c: 5 }, sleepy: [] });
  await writeFile(join(folder, 'operator.json'), 'no JSON');
  const problems: string[] = [];
  const none = await OperatorSettings.open(systemContext, folder, (problem) => problems.push(problem));
  assert.deepEqual([none.current.notices, problems.length], [null, 1]);
});
