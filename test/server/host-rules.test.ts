import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { ConnectionCounts } from '../../src/server/connections/connection-counts.js';
import { isLoopbackAddress, ownHosts } from '../../src/server/host-rules.js';

test('own names are loopback, those that were allowed, and the address at which a connection arrived', () => {
  const isOwn = ownHosts(['Drive.Example']);
  const rows: readonly (readonly [name: string, local: string | undefined, isOwn: boolean])[] = [
    ['localhost', undefined, true],
    ['LOCALHOST', '192.0.2.1', true],
    ['127.8.8.8', undefined, true],
    ['[::1]', undefined, true],
    ['drive.example', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['[2001:db8::1]', '2001:db8::1', true],
    ['[2001:DB8::1]', '2001:db8::1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', undefined, false],
    ['evil.example', '192.0.2.1', false],
    ['192.0.2.1.evil.example', '192.0.2.1', false],
    ['drive.example.evil.example', '192.0.2.1', false],
    ['localhost.evil.example', '127.0.0.1', false],
    ['127.0.0.1.evil.example', '127.0.0.1', false],
    ['0.0.0.0', '127.0.0.1', false],
    ['2130706433', '127.0.0.1', false],
    ['', '127.0.0.1', false],
  ];
  for (const [name, local, expected] of rows) assert.equal(isOwn(name, local), expected, `${name} at ${local}`);
});

test('peers on this computer are known by their address alone', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopbackAddress(address));
  for (const address of ['192.0.2.1', '::', '2001:db8::127', '1.127.0.0', '::ffff:192.0.2.1', '']) {
    assert.ok(!isLoopbackAddress(address), address);
  }
});

class Peer extends EventEmitter {
  destroyed = false;
  constructor(readonly remoteAddress: string) {
    super();
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

test('an address has 64 connections, this computer any number, and what was closed does not count', () => {
  const counts = new ConnectionCounts();
  const open = (address: string): Peer => {
    const peer = new Peer(address);
    counts.admit(peer as unknown as Socket);
    return peer;
  };
  const peers = Array.from({ length: 64 }, () => open('192.0.2.1'));
  assert.ok(peers.every(({ destroyed }) => !destroyed));
  assert.ok(open('192.0.2.1').destroyed);
  assert.ok(!open('192.0.2.2').destroyed);
  peers[0]!.destroy();
  assert.ok(!open('192.0.2.1').destroyed);
  assert.ok(open('192.0.2.1').destroyed);
  assert.ok(Array.from({ length: 200 }, () => open('127.0.0.1')).every(({ destroyed }) => !destroyed));
});
