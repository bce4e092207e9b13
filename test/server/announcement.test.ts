/** What the local network is told of the drive (DNS-SD), heard by one listener on loopback: no multicast. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/core/clock.js';
import { announce } from '../../src/server/announcement.js';
import { machineLabel } from '../../src/server/host-rules.js';
import { startServer } from '../../src/server/start-server.js';
import { MemoryVolume } from '../support/memory-volume.js';

interface Heard {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /** The name that a PTR or an SRV points to, else bytes as Latin-1. */
  readonly data: string;
  readonly port?: number;
}

const [ptr, txt, srv] = [12, 16, 33];

async function listen(t: TestContext) {
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const packets: Heard[][] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (bytes) => {
    packets.push(readRecords(bytes));
    for (const go of waiting.splice(0)) go();
  });
  const next = async (): Promise<Heard[]> => {
    while (packets.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    return packets.shift()!;
  };
  return { hearer: { ip: '127.0.0.1', port: socket.address().port }, next };
}

/** The answers of a DNS message without compression (RFC 1035 section 4). Fails on names that are too long. */
function readRecords(bytes: Buffer): Heard[] {
  let at = 12;
  const readName = (): string => {
    const labels: string[] = [];
    for (let length = bytes[at++]!; length > 0; length = bytes[at++]!) {
      assert.ok(length < 64, `a label of ${length} bytes`);
      labels.push(bytes.toString('utf8', at, at + length));
      at += length;
    }
    return labels.join('.');
  };
  const records: Heard[] = [];
  for (let count = bytes.readUInt16BE(6); count > 0; count -= 1) {
    const name = readName();
    const [type, ttl, length] = [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 4), bytes.readUInt16BE(at + 8)];
    at += 10;
    const end = at + length;
    if (type === srv) {
      const port = bytes.readUInt16BE(at + 4);
      at += 6;
      records.push({ name, type, ttl, data: readName(), port });
    } else {
      records.push({ name, type, ttl, data: type === ptr ? readName() : bytes.toString('latin1', at, end) });
    }
    assert.equal(at <= end, true);
    at = end;
  }
  return records;
}

const onTrouble = (problem: string): void => assert.fail(problem);
const find = (records: readonly Heard[], type: number, suffix: RegExp): Heard | undefined =>
  records.find((record) => record.type === type && suffix.test(record.name));

for (const [isSecure, service] of [
  [true, '_webdavs._tcp.local'],
  [false, '_webdav._tcp.local'],
] as const) {
  test(`the network is told of ${service}, with name, port and path, and told when it ends`, async (t) => {
    const { hearer, next } = await listen(t);
    const drive = { name: 'my files', port: 4918, isSecure };
    const silence = await announce(drive, { clock: systemClock, onTrouble, hearer });
    const said = await next();
    const instance = `Holdfast: my files (${machineLabel()}).${service}`;
    const pointer = said.find((record) => record.type === ptr && record.name === service);
    assert.equal(pointer?.data, instance);
    const place = find(said, srv, /./);
    assert.deepEqual([place?.name, place?.port, place?.data], [instance, 4918, `${machineLabel()}.local`]);
    const path = 'path=/my%20files/';
    assert.equal(find(said, txt, /./)?.data, String.fromCharCode(path.length) + path);
    assert.ok(said.every(({ ttl }) => ttl > 0));

    await silence();
    const farewell = await next();
    assert.equal(find(farewell, ptr, /^_webdavs?\./)?.data, instance);
    assert.ok(farewell.every(({ ttl }) => ttl === 0));
  });
}

test('a name that is too long for DNS is cut at a character, and its path left out', async (t) => {
  const { hearer, next } = await listen(t);
  const drive = { name: 'ä'.repeat(120), port: 4918, isSecure: true };
  const silence = await announce(drive, { clock: systemClock, onTrouble, hearer });
  const said = await next();
  assert.match(find(said, srv, /./)!.name, /^Holdfast: ä{26}\._webdavs\._tcp\.local$/);
  assert.equal(find(said, txt, /./)!.data.includes('path='), false);
  await silence();
});

test('a network that cannot be spoken to is said so, and the server goes on', async (t) => {
  const { hearer } = await listen(t);
  const problem = new Promise<string>((resolve) => {
    void announce(
      { name: 'home', port: 4918, isSecure: true },
      // Bound by another program that shares it with nobody.
      { clock: systemClock, onTrouble: resolve, hearer: { ...hearer, binds: true } },
    ).then((silence) => t.after(silence));
  });
  assert.match(await problem, /^the local network is not told of the drive: .*EADDRINUSE/);
});

test('a server tells the network only of what other machines reach, until it is closed', async (t) => {
  const { hearer, next } = await listen(t);
  const ana = { name: 'ana', rights: 'write', credentials: '' } as const;
  const users = { list: async () => [ana], named: async () => ana };
  const options = { users, isInsecureAllowed: true, port: 0, announces: hearer };
  const alone = await startServer({ ...options, volumes: [new MemoryVolume('private')], host: '127.0.0.1' });
  await alone.close();
  // Loopback in a spelling that is not taken for it, so that nothing is opened to other machines here.
  const shared = await startServer({ ...options, volumes: [new MemoryVolume('shared')], host: '127.1' });
  t.after(() => shared.close());
  assert.match(find(await next(), srv, /./)!.name, /^Holdfast: shared /, 'nothing came before');
  await shared.close();
  assert.ok((await next()).every(({ ttl }) => ttl === 0));
});
