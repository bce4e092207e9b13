import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { nameFor, ownCertificate, readCertificate } from '../../src/config/tls/certificates.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const now = Date.UTC(2026, 10, 22);
const day = 24 * 3600 * 1000;
const names = ['drive.local', 'localhost', '127.0.0.1', '::1'];

test('a certificate is made once, kept for its owner only, and made anew before its end', async (t) => {
  const directory = await temporaryFolder(t);
  const first = await ownCertificate(directory, { names, now });
  const parsed = new X509Certificate(first.certificate);
  for (const name of ['drive.local', 'localhost']) assert.equal(parsed.checkHost(name), name);
  for (const address of ['127.0.0.1', '::1']) assert.equal(parsed.checkIP(address), address);
  assert.equal(parsed.checkHost('other'), undefined);
  assert.equal(parsed.fingerprint256, first.fingerprint);
  assert.ok(first.endsAt - now > 700 * day && first.endsAt - now < 825 * day);
  assert.equal((await stat(join(directory, 'tls-key.pem'))).mode & 0o777, 0o600);
  const again = await ownCertificate(directory, { names, now: first.endsAt - 31 * day });
  assert.equal(again.certificate, first.certificate);
  const renewed = await ownCertificate(directory, { names, now: first.endsAt - 29 * day });
  assert.notEqual(renewed.certificate, first.certificate);
  assert.ok(renewed.endsAt > first.endsAt);
});

test('a program of this machine asks by a name that the certificate bears', async (t) => {
  const own = await ownCertificate(await temporaryFolder(t), { names, now });
  for (const host of ['127.0.0.1', '::1', 'localhost', 'drive.local']) assert.equal(nameFor(own, host), host);
  const bought = await ownCertificate(await temporaryFolder(t), { names: ['drive.example', 'www.drive.example'], now });
  assert.equal(nameFor(bought, '127.0.0.1'), 'drive.example');
  const wild = await ownCertificate(await temporaryFolder(t), { names: ['*.drive.example'], now });
  assert.equal(nameFor(wild, '127.0.0.1'), '127.0.0.1', 'no name to ask for');
});

test('a name that is needed and missing makes it anew, once; one that is only possible does not', async (t) => {
  const directory = await temporaryFolder(t);
  const first = await ownCertificate(directory, { names, now });
  const moved = await ownCertificate(directory, { names: [...names, '192.0.2.9'], needed: ['drive.local'], now });
  assert.equal(moved.certificate, first.certificate);
  const options = { names: [...names, 'nas.example'], needed: ['nas.example', '127.0.0.1'], now };
  const named = await ownCertificate(directory, options);
  assert.equal(new X509Certificate(named.certificate).checkHost('nas.example'), 'nas.example');
  assert.equal((await ownCertificate(directory, options)).certificate, named.certificate);
  const odd = ['my_box', '[::1]', '*.example', 'a:1', '-', '..', ''];
  const kept = await ownCertificate(directory, { names: [...names, ...odd], needed: odd, now });
  assert.equal(kept.certificate, named.certificate, 'no name for a certificate');
});

test('a pair that does not fit together or is damaged is made anew', async (t) => {
  const directory = await temporaryFolder(t);
  const first = await ownCertificate(directory, { names, now });
  for (const text of ['', 'no PEM', first.certificate]) {
    await writeFile(join(directory, 'tls-key.pem'), text);
    const { certificate } = await ownCertificate(directory, { names, now });
    assert.notEqual(certificate, first.certificate);
  }
});

test('given files are refused with the reason: absent, foreign key, ended', async (t) => {
  const [directory, other] = [await temporaryFolder(t), await temporaryFolder(t)];
  const own = await ownCertificate(directory, { names, now });
  await ownCertificate(other, { names, now });
  const files = { certificate: join(directory, 'tls-certificate.pem'), key: join(directory, 'tls-key.pem') };
  assert.equal((await readCertificate(files, now)).certificate, await readFile(files.certificate, 'utf8'));
  const refused = (given: typeof files, at: number, message: RegExp) =>
    assert.rejects(readCertificate(given, at), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'USAGE');
      assert.match(error.message, message);
      return true;
    });
  await refused({ ...files, key: join(other, 'tls-key.pem') }, now, /belongs to another certificate/);
  await refused({ ...files, key: join(other, 'none') }, now, /ENOENT/);
  await refused({ ...files, certificate: files.key }, now, /cannot be used/);
  await refused(files, own.endsAt + 1, /ended on 2029-/);
});
