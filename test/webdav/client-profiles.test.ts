/** Which client gets which answers, and that this is decided in one place. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Adaptation, clientProfiles } from '../../src/webdav/client-profiles.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const clients: readonly [string | undefined, string][] = [
  [undefined, 'strict'],
  ['', 'strict'],
  ['python-requests/2.34.2', 'strict'],
  ['Java/17.0.15', 'strict'],
  ['litmus/0.13 neon/0.32.5', 'strict'],
  ['Mozilla/4.0 (compatible; ms-office; MSOffice 16)', 'strict'],
  ['DavClnt', 'strict'],
  ['WebDAVLib/1.3', 'strict'],
  ['davfs2/1.6.1 neon/0.32.5', 'Reads interim answers'],
  ['cadaver/0.24 neon/0.32.5', 'Reads interim answers'],
  ['rclone/v1.60.1', 'Reads interim answers'],
  ['gvfs/1.50.3', 'Reads interim answers'],
  ['curl/7.88.1', 'Reads interim answers'],
  ['Mozilla/5.0 (X11; Linux x86_64) KIO/5.103 dolphin/22.12', 'Reads interim answers'],
  ['Mozilla/5.0 (Windows NT 10.0) WebDAVFS/3.0.0', 'Reads interim answers'],
  ['WebDAVFS/3.0.0 (03008000) Darwin/24.3.0 (arm64)', 'WebDAVFS'],
  ['WebDAVFS/1.9.0 (01908000) Darwin/12.5.0 (x86_64)', 'WebDAVFS'],
  ['WebDAVFS/3.0.0', 'WebDAVFS'],
  ['WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)', 'WebDAVFS of macOS 15.4 or later'],
  ['WebDAVFS/3.0.0 (03008000) Darwin/25.0.0 (arm64)', 'WebDAVFS of macOS 15.4 or later'],
  ['Microsoft-WebDAV-MiniRedir/6.1.7601', 'MiniRedir'],
  ['Microsoft-WebDAV-MiniRedir/10.0.26100', 'MiniRedir'],
  ['Microsoft Office Word 2014', 'Office'],
  ['Microsoft Office Existence Discovery', 'Office'],
];

test('each client gets the profile that is meant for it', () => {
  const profileOf = clientProfiles();
  for (const [userAgent, name] of clients) assert.equal(profileOf(userAgent).name, name, userAgent);
});

test('strict clients get no adaptation, and every adaptation has a client', () => {
  const profileOf = clientProfiles();
  const { name: _, ...strict } = profileOf('litmus/0.13');
  assert.ok(Object.values(strict).every((value) => value === false));
  for (const adaptation of Object.keys(strict) as Adaptation[]) {
    assert.ok(
      clients.some(([userAgent]) => profileOf(userAgent)[adaptation]),
      adaptation,
    );
  }
});

test('each adaptation can be switched off, and nothing else goes with it', () => {
  const usual = clientProfiles();
  const { name: _, ...strict } = usual('litmus/0.13');
  for (const adaptation of Object.keys(strict) as Adaptation[]) {
    const without = clientProfiles({ [adaptation]: false });
    for (const [userAgent] of clients) {
      assert.deepEqual(without(userAgent), { ...usual(userAgent), [adaptation]: false }, `${adaptation} ${userAgent}`);
    }
  }
});

test('no other file looks at a user agent: they only hand it on', () => {
  const source = join(root, 'src');
  const readers = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== 'webdav/client-profiles.ts')
    .flatMap((name) => {
      const lines = readFileSync(join(source, name), 'utf8').split('\n');
      return lines.filter((line) => /['"]user-agent['"]/i.test(line)).map((line) => [name, line.trim()] as const);
    });
  assert.ok(readers.length > 0);
  for (const [name, line] of readers)
    assert.match(line, /(?:profileOf|visitorSystem)\(\S*headers\['user-agent'\]\)/, name);
});
