import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { decodeOperations, encodeOperation, encodeOperations } from '../../src/meta/operation-codec.js';
import type { Operation } from '../../src/meta/operations.js';

const id16 = '0123456789abcdef';
const id64 = id16.repeat(4);
const segment = `${id16}-00000001`;

/** Each kind once, with every optional field; the bytes are part of the format. */
const golden: readonly (readonly [Operation, string])[] = [
  [
    { o: 'volume', id: 'v', name: 'h\u00f6me', replicas: 2, created: 5 },
    '{"o":"volume","id":"v","name":"höme","replicas":2,"created":5}',
  ],
  [
    { o: 'node', id: id16, label: 'a', group: 'g', weight: 1.5, role: 'draining', path: '/x' },
    `{"o":"node","id":"${id16}","label":"a","group":"g","weight":1.5,"role":"draining","path":"/x"}`,
  ],
  [
    { o: 'node', id: id16, label: 'a', group: 'g', weight: 1, role: 'away', path: '/x', every: 7, current: -1 },
    `{"o":"node","id":"${id16}","label":"a","group":"g","weight":1,"role":"away","path":"/x","every":7,"current":-1}`,
  ],
  [
    {
      o: 'epoch',
      id: id16,
      parent: null,
      lastSequence: 0,
      lastHash: '',
      members: [id16],
      time: 1,
      supersedes: [id16],
      born: 2,
    },
    `{"o":"epoch","id":"${id16}","parent":null,"lastSequence":0,"lastHash":"","members":["${id16}"],"time":1,"supersedes":["${id16}"],"born":2}`,
  ],
  [{ o: 'ids', entry: 3, content: 4 }, '{"o":"ids","entry":3,"content":4}'],
  [
    { o: 'data', segments: [{ id: segment, nodes: [id16] }] },
    `{"o":"data","segments":[{"id":"${segment}","nodes":["${id16}"]}]}`,
  ],
  [{ o: 'seal', segment, length: 9, hash: null }, `{"o":"seal","segment":"${segment}","length":9,"hash":null}`],
  [{ o: 'relocate', segment, nodes: [] }, `{"o":"relocate","segment":"${segment}","nodes":[]}`],
  [{ o: 'want', segment, replicas: 3 }, `{"o":"want","segment":"${segment}","replicas":3}`],
  [{ o: 'retire', segment }, `{"o":"retire","segment":"${segment}"}`],
  [
    { o: 'chunks', content: 1, first: 0, chunks: [[id64, 1_048_576]] },
    `{"o":"chunks","content":1,"first":0,"chunks":[["${id64}",1048576]]}`,
  ],
  [
    { o: 'content', id: 1, size: 2, count: 3, checksum: id64 },
    `{"o":"content","id":1,"size":2,"count":3,"checksum":"${id64}"}`,
  ],
  [
    {
      o: 'entry',
      id: 2,
      parent: 1,
      name: 'a"\n',
      kind: 'file',
      content: 1,
      created: -1,
      modified: 2,
      time: 3,
      born: 4,
      died: 5,
    },
    '{"o":"entry","id":2,"parent":1,"name":"a\\"\\n","kind":"file","content":1,"created":-1,"modified":2,"time":3,"born":4,"died":5}',
  ],
  [
    { o: 'replace', id: 2, content: 3, modified: 4, time: 5 },
    '{"o":"replace","id":2,"content":3,"modified":4,"time":5}',
  ],
  [{ o: 'times', id: 2, created: null, modified: 4 }, '{"o":"times","id":2,"created":null,"modified":4}'],
  [{ o: 'move', id: 2, parent: 1, name: 'b', time: 5 }, '{"o":"move","id":2,"parent":1,"name":"b","time":5}'],
  [{ o: 'end', id: 2, time: 5 }, '{"o":"end","id":2,"time":5}'],
  [
    { o: 'property', entry: 2, namespace: '', name: 'p', value: null },
    '{"o":"property","entry":2,"namespace":"","name":"p","value":null}',
  ],
  [
    { o: 'lock', token: 't', entry: 2, scope: 'shared', depth: 0, owner: '', principal: '', timeout: 1, expires: 2 },
    '{"o":"lock","token":"t","entry":2,"scope":"shared","depth":0,"owner":"","principal":"","timeout":1,"expires":2}',
  ],
  [{ o: 'protect', entry: 2, replicas: null }, '{"o":"protect","entry":2,"replicas":null}'],
  [{ o: 'unlock', token: 't' }, '{"o":"unlock","token":"t"}'],
  [
    { o: 'user', name: 'ana', rights: 'read', credentials: 'x y' },
    '{"o":"user","name":"ana","rights":"read","credentials":"x y"}',
  ],
  [
    { o: 'user', name: 'ana', rights: 'write', credentials: null },
    '{"o":"user","name":"ana","rights":"write","credentials":null}',
  ],
  [{ o: 'prune', entries: [2], contents: [], before: 7 }, '{"o":"prune","entries":[2],"contents":[],"before":7}'],
];

const decoded = (text: string): Operation[] => [...decodeOperations(Buffer.from(text))];
const fails = (code: 'CORRUPT' | 'NEWER_FORMAT', text: string) =>
  assert.throws(
    () => decoded(text),
    (error) => hasCode(error, code),
    text,
  );

describe('operation codec', () => {
  it('writes and reads the bytes of the format', () => {
    for (const [operation, line] of golden) {
      assert.equal(encodeOperation(operation), `${line}\n`);
      assert.deepEqual(decoded(`${line}\n`), [operation]);
    }
    const all = golden.map(([operation]) => operation);
    assert.deepEqual([...decodeOperations(encodeOperations(all))], all);
    assert.equal(encodeOperations([]).length, 0);
  });

  it('writes the same bytes whatever order the keys came in', () => {
    for (const [operation, line] of golden) {
      const reversed = Object.fromEntries(Object.entries(operation).reverse()) as unknown as Operation;
      assert.equal(encodeOperation(reversed), `${line}\n`);
    }
    const data = { o: 'data', segments: [{ nodes: [id16], id: segment }] } as const;
    assert.ok(encodeOperation(data).includes('{"id":"'));
  });

  it('refuses to write what it would not read', () => {
    for (const operation of [
      { o: 'end', id: 1.5, time: 0 },
      { o: 'end', id: -1, time: 0 },
      { o: 'end', id: 2 ** 53, time: 0 },
      { o: 'unlock' },
      { o: 'unknown' },
    ]) {
      assert.throws(
        () => encodeOperation(operation as unknown as Operation),
        (error) => hasCode(error, 'INTERNAL'),
      );
    }
  });

  it('takes what it does not know as newer', () => {
    fails('NEWER_FORMAT', '{"o":"snapshot"}\n');
    fails('NEWER_FORMAT', '{"o":"constructor"}\n');
    fails('NEWER_FORMAT', '{}\n');
    fails('NEWER_FORMAT', '{"o":"unlock","token":"t","more":1}\n');
    fails('NEWER_FORMAT', '{"o":"unlock","token":"t","__proto__":{"x":1}}\n');
  });

  it('takes what is ill-formed as damage', () => {
    for (const text of [
      '\n',
      'x\n',
      '[]\n',
      'null\n',
      '"o"\n',
      '{"o":"unlock","token":"t"}',
      '{"o":"unlock"}\n',
      '{"o":"unlock","token":1}\n',
      '{"o":"end","id":"1","time":0}\n',
      '{"o":"end","id":1e300,"time":0}\n',
      `{"o":"seal","segment":"${id16}","length":1,"hash":null}\n`,
      `{"o":"chunks","content":1,"first":0,"chunks":[["${id64}"]]}\n`,
      `{"o":"chunks","content":1,"first":0,"chunks":[["${id64.toUpperCase()}",1]]}\n`,
      `{"o":"chunks","content":1,"first":0,"chunks":[["${id64}",4294967296]]}\n`,
      `{"o":"data","segments":[{"id":"${segment}"}]}\n`,
      `{"o":"data","segments":[{"id":"${segment}","nodes":[],"x":1}]}\n`,
      '{"o":"times","id":1,"created":null}\n',
    ]) {
      fails('CORRUPT', text);
    }
  });

  it('yields what came before the damage', () => {
    const operations = decodeOperations(Buffer.from('{"o":"unlock","token":"t"}\nx\n'));
    assert.deepEqual(operations.next().value, { o: 'unlock', token: 't' });
    assert.throws(() => operations.next());
  });

  it('carries any text and survives any bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const operation: Operation = { o: 'property', entry: 1, namespace: value, name: value, value };
        assert.deepEqual(decoded(encodeOperation(operation)), [operation]);
      }),
    );
    fc.assert(
      fc.property(fc.nat(golden.length - 1), fc.nat(400), fc.nat(255), (which, at, byte) => {
        const bytes = Buffer.from(`${golden[which]![1]}\n`);
        bytes[at % bytes.length] = byte;
        try {
          for (const operation of decodeOperations(bytes)) assert.equal(typeof operation.o, 'string');
        } catch (error) {
          assert.ok(hasCode(error, 'CORRUPT', 'NEWER_FORMAT'), String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
