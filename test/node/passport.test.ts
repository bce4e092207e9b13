import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DriveError, hasCode } from '../../src/core/errors.js';
import { systemFileIo } from '../../src/core/system-file-io.js';
import { decodePassport, encodePassport, passportFileName, readPassport } from '../../src/node/passport.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const passport = {
  volume: '00000000000000aa',
  node: '00000000000000bb',
  label: 'blue disk',
  created: 1_767_225_600_000,
};
const isCorrupt = (error: unknown) => hasCode(error, 'CORRUPT');
const asObject = () => JSON.parse(encodePassport(passport).toString()) as Record<string, unknown>;
const decode = (content: unknown) => decodePassport(Buffer.from(JSON.stringify(content)));

test('a passport gives back what went in, whatever its label', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: 'grapheme' }), fc.nat(), (label, created) => {
      fc.pre(label.length <= 200);
      const input = { ...passport, label, created };
      assert.deepEqual(decodePassport(encodePassport(input)), input);
    }),
  );
});

test('no changed letter or digit of a passport goes unnoticed', () => {
  const bytes = encodePassport(passport);
  for (let at = 0; at < bytes.length; at += 1) {
    if (!/[A-Za-z0-9]/.test(String.fromCharCode(bytes[at]!))) continue;
    const changed = Buffer.from(bytes);
    changed[at] = bytes[at] === 0x61 ? 0x62 : 0x61;
    assert.throws(
      () => decodePassport(changed),
      (error) => hasCode(error, 'CORRUPT', 'NEWER_FORMAT'),
      `byte ${at}`,
    );
  }
});

test('a passport cut anywhere is refused', () => {
  const bytes = encodePassport(passport);
  for (let length = 0; length < bytes.length - 2; length += 1) {
    assert.throws(() => decodePassport(bytes.subarray(0, length)), isCorrupt, `length ${length}`);
  }
});

test('a newer format is told from damage', () => {
  assert.throws(
    () => decode({ ...asObject(), format: 2, more: true }),
    (error) => hasCode(error, 'NEWER_FORMAT'),
  );
});

test('what is no passport is refused', () => {
  const whole = asObject();
  const wrong = [
    null,
    [],
    'text',
    1,
    {},
    { ...whole, format: '1' },
    { ...whole, node: 'BB' },
    { ...whole, node: ['00000000000000bb'] },
    { ...whole, volume: `${passport.volume}0` },
    { ...whole, label: 'x'.repeat(1000) },
    { ...whole, created: 1.5 },
    { ...whole, checksum: undefined },
  ];
  for (const content of wrong) assert.throws(() => decode(content), isCorrupt, JSON.stringify(content));
});

test('inherited fields do not count and nothing is polluted', () => {
  const text = JSON.stringify(asObject());
  assert.throws(() => decodePassport(Buffer.from(`{"__proto__":${text}}`)), isCorrupt);
  assert.equal(({} as Record<string, unknown>).volume, undefined);
});

test('a passport is read from a directory with the device it lies on, up to a limit', async (context) => {
  const folder = await temporaryFolder(context);
  await assert.rejects(readPassport(systemFileIo, folder), (error) => hasCode(error, 'FILE_MISSING'));
  await writeFile(join(folder, passportFileName), encodePassport(passport));
  const read = await readPassport(systemFileIo, folder);
  assert.deepEqual(read.passport, passport);
  assert.equal(read.stat.device, (await systemFileIo.stat(folder))!.device);
  await writeFile(join(folder, passportFileName), Buffer.alloc(1024 * 1024, ' '));
  await assert.rejects(readPassport(systemFileIo, folder), (error: DriveError) => {
    assert.ok(isCorrupt(error) && error.message.startsWith(`${folder}: `), error.message);
    assert.doesNotMatch(error.hint ?? '', /rebuild/);
    return true;
  });
});
