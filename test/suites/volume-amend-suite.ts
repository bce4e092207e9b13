/** What `Volume.amend` promises, of every volume. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { Amendment, Volume } from '../../src/volume/volume.js';
import { randomBytes } from '../drive/drive-fixture.js';
import { withCode } from './index-driver.js';

const MiB = 1024 * 1024;
const noCondition = {};

async function* pieces(bytes: Buffer, step = 50_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

export function amendment(from: Amendment['from'], offset: number, text: Buffer | string): Amendment {
  const bytes = Buffer.from(text);
  return { from, offset, sizeBytes: bytes.length, body: pieces(bytes) };
}

export async function store(volume: Volume, name: string, bytes: Buffer | string): Promise<void> {
  const upload = await volume.upload({});
  await upload.write(Buffer.from(bytes));
  await volume.put([name], await upload.finish(), noCondition);
}

export async function contentOf(volume: Volume, name: string): Promise<Buffer> {
  const reader = await volume.open([name]);
  try {
    const parts: Buffer[] = [];
    for await (const part of reader.read({ start: 0, end: reader.sizeBytes })) parts.push(part);
    return Buffer.concat(parts);
  } finally {
    reader.close();
  }
}

/** What the file must hold afterwards. */
function amended(before: Buffer, { from, offset }: Pick<Amendment, 'from' | 'offset'>, body: Buffer): Buffer {
  const start = from === 'start' ? offset : Math.max(0, before.length - offset);
  const hole = Buffer.alloc(Math.max(0, start - before.length));
  return Buffer.concat([before.subarray(0, start), hole, body, before.subarray(start + body.length)]);
}

export function volumeAmendSuite(title: string, begin: (context: TestContext) => Promise<Volume>): void {
  describe(title, () => {
    it('replaces, appends, and fills a hole with zeros', async (context) => {
      const volume = await begin(context);
      for (const [from, offset, expected] of [
        ['start', 0, '----567890'],
        ['start', 1, '1----67890'],
        ['start', 8, '12345678----'],
        ['start', 10, '1234567890----'],
        ['start', 12, '1234567890\0\0----'],
        ['end', 0, '1234567890----'],
        ['end', 4, '123456----'],
        ['end', 2, '12345678----'],
        ['end', 50, '----567890'],
      ] as const) {
        await store(volume, 'file', '1234567890');
        const entry = await volume.amend(['file'], amendment(from, offset, '----'), noCondition);
        assert.equal((await contentOf(volume, 'file')).toString(), expected, `${from} ${offset}`);
        assert.equal(entry.sizeBytes, expected.length);
        assert.deepEqual(await volume.stat(['file']), entry);
      }
    });

    it('gives what a whole upload of the same bytes would, whatever the edges', async (context) => {
      const volume = await begin(context);
      const edge = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: -2, max: 2 }));
      const length = edge.map(([chunks, more]) => Math.max(0, chunks * MiB + more));
      await fc.assert(
        fc.asyncProperty(
          length,
          length,
          length,
          fc.constantFrom('start' as const, 'end' as const),
          async (size, offset, bodySize, from) => {
            const [before, body] = [randomBytes(size, size), randomBytes(bodySize, 7)];
            await store(volume, 'file', before);
            const entry = await volume.amend(['file'], amendment(from, offset, body), noCondition);
            const expected = amended(before, { from, offset }, body);
            assert.ok((await contentOf(volume, 'file')).equals(expected));
            await store(volume, 'whole', expected);
            assert.equal(entry.etag, (await volume.stat(['whole']))!.etag);
          },
        ),
        {
          numRuns: 25,
          examples: [
            [0, 0, 0, 'start'],
            [MiB + 1, MiB, 1, 'start'],
            [3 * MiB + 2, MiB - 1, MiB + 2, 'start'],
          ],
        },
      );
    });

    it('is refused where there is no file, and judges conditions and DAV locks', async (context) => {
      const volume = await begin(context);
      await volume.makeFolder(['folder'], noCondition);
      await store(volume, 'file', 'text');
      const amend = (name: string, options = {}) => volume.amend([name], amendment('end', 0, '+'), options);
      await assert.rejects(amend('none'), withCode('NOT_FOUND'));
      await assert.rejects(amend('folder'), withCode('IS_FOLDER'));
      await assert.rejects(amend('file', { conditions: { ifMatch: ['"other"'] } }), withCode('PRECONDITION_FAILED'));
      const wanted = { scope: 'exclusive', depth: 0, owner: '', timeoutMs: 60_000 } as const;
      const { lock } = await volume.lock(['file'], wanted);
      await assert.rejects(amend('file'), withCode('LOCKED'));
      assert.equal((await contentOf(volume, 'file')).toString(), 'text');
      const held = [
        { resource: 'request' as const, conditions: [{ not: false, kind: 'token' as const, value: lock.token }] },
      ];
      await amend('file', { conditions: { ifLists: held } });
      assert.equal((await contentOf(volume, 'file')).toString(), 'text+');
    });

    it('changes properties in the same step', async (context) => {
      const volume = await begin(context);
      await store(volume, 'file', 'text');
      const set = (value: string | null) => ({ properties: [{ namespace: 'urn:x', name: 'x', value }] });
      const put = async (bytes: string, options: object) => {
        const upload = await volume.upload({});
        await upload.write(Buffer.from(bytes));
        await volume.put(['file'], await upload.finish(), options);
      };
      await put('text', set('<x xmlns="urn:x">1</x>'));
      const names = async () => (await volume.properties((await volume.stat(['file']))!)).map(({ value }) => value);
      assert.deepEqual(await names(), ['<x xmlns="urn:x">1</x>']);
      await assert.rejects(put('new', { ...set(null), conditions: { ifMatch: ['"other"'] } }));
      assert.equal((await names()).length, 1, 'a refused put changes none');
      await volume.amend(['file'], amendment('end', 0, '+'), set(null));
      assert.deepEqual(await names(), []);
      assert.equal((await volume.stat(['file']))!.hasProperties, false);
    });

    it('leaves the file as it was when the body breaks off', async (context) => {
      const volume = await begin(context);
      await store(volume, 'file', randomBytes(2 * MiB));
      const before = await contentOf(volume, 'file');
      for (const lengthBytes of [100, 600_000]) {
        const body = (async function* () {
          yield randomBytes(lengthBytes);
          throw new Error('gone');
        })();
        await assert.rejects(
          volume.amend(['file'], { from: 'start', offset: 10, sizeBytes: lengthBytes + 1, body }, {}),
        );
        assert.ok((await contentOf(volume, 'file')).equals(before));
      }
    });

    it('loses to a file that was replaced while the body came', async (context) => {
      const volume = await begin(context);
      await store(volume, 'file', 'old');
      const body = (async function* () {
        yield randomBytes(300_000);
        await store(volume, 'file', 'new');
        yield randomBytes(300_000);
      })();
      await assert.rejects(
        volume.amend(['file'], { from: 'end', offset: 0, sizeBytes: 600_000, body }, noCondition),
        withCode('PRECONDITION_FAILED'),
      );
      assert.equal((await contentOf(volume, 'file')).toString(), 'new');
    });
  });
}
