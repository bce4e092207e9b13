/** The names that Finder and Explorer ask for all day, and that are not there: nothing in the drive is cheaper. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { send } from './dav-client.js';
import { serveReal } from './serve-real.js';

const finder = {
  userAgent: 'WebDAVFS/3.0.0 (03008000) Darwin/24.6.0 (arm64)',
  body: '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/></D:prop></D:propfind>',
  names: ['._.', '._a.txt', '.DS_Store', '.hidden', '.localized', '.Spotlight-V100', 'Contents', 'mach_kernel'],
};
const explorer = {
  userAgent: 'Microsoft-WebDAV-MiniRedir/10.0.26100',
  body: '',
  names: ['desktop.ini', 'folder.jpg', 'folder.gif', 'Thumbs.db', 'AutoRun.inf'],
};
const rounds = 20;

for (const { userAgent, body, names } of [finder, explorer]) {
  test(`M-27 a probe asks the index once and no disk (${userAgent.slice(0, 10)})`, async (t) => {
    const { drive, port } = await serveReal(t);
    await send(port, 'MKCOL', '/home/folder');
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => send(port, 'PUT', `/home/folder/file-${index}.txt`, { body: 'x' })),
    );
    const calls: string[] = [];
    const { reader } = drive.meta;
    const counted = new Proxy(reader, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        calls.push(String(name));
        return value.bind(target);
      },
    });
    Object.defineProperty(drive.engine.meta, 'reader', { get: () => counted });
    const before = [
      drive.engine.committer.currentTip.sequence,
      ...[...drive.stores.values()].map(({ log }) => log.length),
    ];
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const name of names) {
        const path = `/home/folder/${encodeURIComponent(name)}`;
        const started = performance.now();
        const headers = { Depth: '0', 'User-Agent': userAgent };
        const answer = await send(port, 'PROPFIND', path, { headers, body, agent });
        times.push(performance.now() - started);
        assert.deepEqual([answer.status, answer.text], [404, '']);
      }
    }
    const looks = userAgent === explorer.userAgent ? ['spelling', 'lookup'] : ['lookup'];
    assert.deepEqual(calls, Array.from({ length: rounds * names.length }, () => looks).flat());
    const after = [
      drive.engine.committer.currentTip.sequence,
      ...[...drive.stores.values()].map(({ log }) => log.length),
    ];
    assert.deepEqual(after, before, 'nothing was written, no node was asked');
    times.sort((one, other) => one - other);
    t.diagnostic(`p50 ${times[Math.floor(times.length / 2)]!.toFixed(2)} ms with the client in the same process`);
  });
}
