/** Hostile logins: none gets in, none learns anything, and the canary always comes back to its owner. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { User } from '../../src/access/access.js';
import { makeCredentials, realmOf } from '../../src/access/credentials.js';
import { PasswordHasher } from '../../src/access/passwords/password-hasher.js';
import { systemRandom } from '../../src/core/random.js';
import { MemoryVolume } from '../support/memory-volume.js';
import { exchange, serve } from '../webdav/dav-client.js';
import { plain } from './rows/row.js';

const hasher = new PasswordHasher();
after(() => hasher.close());
const realm = realmOf(new MemoryVolume('home').id);
const login = { name: 'ana', password: 'right words', realm };
const ana: User = {
  name: 'ana',
  rights: 'write',
  credentials: await makeCredentials(login, { hasher, random: systemRandom }),
};
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');
const good = `Basic ${base64('ana:right words')}`;
const nothing = 'username="ana", realm="x", nonce="x", uri="/home/canary", response="x"';

/** Values of Authorization; each is answered 401, or 400 where it is said. */
const values: readonly (readonly [value: string, status?: number])[] = [
  [''],
  ['Basic'],
  ['Basic '],
  ['Basic ='],
  ['Basic ===='],
  ['Basic %%%'],
  ['Basic\tYW5h', 401],
  [`Basic ${base64('ana')}`],
  [`Basic ${base64(':')}`],
  [`Basic ${base64('ana:')}`],
  [`Basic ${base64(':right words')}`],
  [`Basic ${base64('ANA:right words')}`],
  [`Basic ${base64('ana :right words')}`],
  [`Basic ${base64('ana\0:right words')}`],
  [`Basic ${base64('ana:right words\0')}`],
  [`Basic ${base64('ana:right words\r\n')}`],
  [`Basic ${base64('ana:Right words')}`],
  [`Basic ${base64('ana:right  words')}`],
  [`Basic ${base64("ana' OR '1'='1:x")}`],
  [`Basic ${base64('../ana:right words')}`],
  [`Basic ${base64('__proto__:x')}`],
  [`Basic ${base64('constructor:x')}`],
  [`Basic ${base64(`ana:${'x'.repeat(40_000)}`)}`],
  [`Basic ${base64(`${'a'.repeat(40_000)}:x`)}`],
  [`Basic ${base64('\xff\xfe:\xff')}`],
  [`${good}, ${good}`],
  [`${good} x`],
  [`Basic ${good}`],
  [good.slice(0, -3)],
  ['Bearer x'],
  [`Bearer ${base64('ana:right words')}`],
  ['Negotiate YIIB'],
  ['NTLM TlRMTVNTUAAB'],
  ['Digest'],
  ['Digest ,'],
  [`Digest ${nothing}`],
  [`Digest ${nothing}, qop=auth, nc=00000001, cnonce="x"`],
  [`Digest ${nothing}, qop=auth, nc=00000001, cnonce="x", algorithm=MD5-sess`],
  [`Digest ${'username="'.repeat(5_000)}`],
  [`Digest username="${'\\"'.repeat(10_000)}"`],
  [`Digest ${'a="b", '.repeat(5_000)}`],
];

test(`hostile logins: ${values.length} headers`, async (t) => {
  const source = { list: async () => [ana], named: async (name: string) => (name === 'ana' ? ana : undefined) };
  const server = await serve(t, { users: source });
  const headers = { Authorization: good };
  await server.send('PUT', '/home/canary', { body: 'the canary sings', headers });
  for (const [value, status = 401] of values) {
    for (const method of ['GET', 'DELETE']) {
      const bytes = plain(`${method} /home/canary`, `Authorization: ${value}\r\n`);
      const answer = await exchange(server.port, Buffer.from(bytes, 'latin1'));
      const name = `${method} ${value.slice(0, 60)}`;
      assert.equal(answer.status, status, name);
      assert.doesNotMatch(`${answer.head}${answer.body}`, /canary|ana\b|right words|Error|\.js/, name);
      assert.equal((await server.send('GET', '/home/canary', { headers })).text, 'the canary sings', name);
    }
  }
  assert.deepEqual(server.events, []);
});
