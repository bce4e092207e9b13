import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import { childElements, textOf, type XmlElement } from '../../src/webdav/xml/xml-element.js';
import { readXml } from '../../src/webdav/xml/xml-reader.js';
import { escapeXml, innerXml, standaloneXml } from '../../src/webdav/xml/xml-writer.js';

/** Of this process alone: others may keep the processors busy. */
const cpuMs = (since: NodeJS.CpuUsage): number => process.cpuUsage(since).user / 1000;

const read = (text: string): XmlElement => readXml(Buffer.from(text));

test('namespaces, attributes, CDATA, references and comments are understood', () => {
  const root = read(
    '\ufeff<?xml version="1.0" encoding="UTF-8"?><!-- c --><?pi x?>\n<D:a xmlns:D="DAV:" xmlns="urn:x" k=\'1 &amp; 2\' D:k="3">' +
      't&lt;&#65;&#x1F600;<![CDATA[<raw>&]]><b xml:lang="de"><c/></b ></D:a>\n<!-- end -->\0\0',
  );
  assert.equal(`${root.namespace}${root.name}`, 'DAV:a');
  assert.deepEqual(
    root.attributes.map(({ namespace, name, value }) => [namespace, name, value]),
    [
      ['', 'k', '1 & 2'],
      ['DAV:', 'k', '3'],
    ],
  );
  assert.equal(textOf(root), 't<A😀<raw>&');
  const [b] = childElements(root);
  assert.equal(b!.namespace, 'urn:x');
  assert.equal(childElements(b!)[0]!.language, 'de');
});

test('what is not well-formed, too deep, or dangerous is refused', () => {
  const bad = [
    '',
    ' ',
    'text',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a/>text',
    '<a b/>',
    '<a b=1/>',
    '<a b="1" b="2"/>',
    '<a b="1"c="2"/>',
    '<a b="<"/>',
    '<a>&unknown;</a>',
    '<a>&</a>',
    '<a>&#0;</a>',
    '<a>&#xD800;</a>',
    '<a>]]></a>',
    '<a>\u0001</a>',
    '<1a/>',
    '<a:b/>',
    '<a:b xmlns:a=""/>',
    '<a xmlns:xmlns="x"/>',
    '<a xmlns:xml="x"/>',
    '<a x:b="1"/>',
    '<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>',
    '<!DOCTYPE a><a/>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<a><!ENTITY x "y"></a>',
    '<?xml version="1.0" encoding="UTF-16"?><a/>',
    '<?xml version="1.0" encoding="utf-7"?><a/>',
    '<a><!-- ',
    '<a><![CDATA[',
    '<a:b:c xmlns:a="x"/>',
    `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`,
    `<a>${'<b/>'.repeat(30_000)}</a>`,
    `<a ${Array.from({ length: 30_000 }, (_, at) => `k${at}=""`).join(' ')}/>`,
  ];
  for (const text of bad)
    assert.throws(
      () => read(text),
      (error) => hasCode(error, 'BAD_REQUEST'),
      text.slice(0, 60),
    );
  for (const bytes of [
    Buffer.from('<a/>', 'utf16le'),
    Buffer.from([0xff, 0xfe, 0x3c, 0]),
    Buffer.from([0x3c, 0x61, 0xc0, 0xae, 0x2f, 0x3e]),
  ]) {
    assert.throws(
      () => readXml(bytes),
      (error) => hasCode(error, 'BAD_REQUEST'),
    );
  }
});

test('reading takes time in proportion to the length', () => {
  const hostile = ['<', '<a ', '&', '<!--', ']]', '"', '<a xmlns:b="c">', '&#'];
  for (const piece of hostile) {
    const started = process.cpuUsage();
    assert.throws(() => read(`<a>${piece.repeat(Math.floor(1_000_000 / piece.length))}`));
    assert.ok(cpuMs(started) < 1000, piece);
  }
});

test('a flood of namespaces costs no more than its bytes', () => {
  const many = Array.from({ length: 9000 }, (_, at) => `xmlns:p${at}="urn:${at}"`).join(' ');
  const used = Array.from({ length: 4000 }, (_, at) => `p${at}:k=""`).join(' ');
  const children = Array.from({ length: 2000 }, (_, at) => `<c xmlns:q="urn:q${at}" q:k="1"/>`).join('');
  const started = process.cpuUsage();
  const root = read(`<r ${many} ${used}>${children}</r>`);
  assert.ok(standaloneXml(root).length > 100_000);
  assert.ok(cpuMs(started) < 500);
});

test('a property value stands on its own: namespaces and language come along', () => {
  const root = read(
    '<p xmlns="urn:default" xmlns:z="urn:z" xml:lang="fr"><v z:k="1"><z:i xmlns="">t &amp; "q"\r\n</z:i><n xmlns=""/></v></p>',
  );
  const value = standaloneXml(childElements(root)[0]!);
  const again = read(`<D:x xmlns:D="DAV:">${value}</D:x>`);
  const v = childElements(again)[0]!;
  assert.equal(`${v.namespace} ${v.name} ${v.language}`, 'urn:default v fr');
  assert.deepEqual(
    v.attributes.map(({ namespace, name }) => `${namespace} ${name}`),
    ['http://www.w3.org/XML/1998/namespace lang', 'urn:z k'],
  );
  assert.deepEqual(
    childElements(v).map(({ namespace, name }) => `${namespace}|${name}`),
    ['urn:z|i', '|n'],
  );
  assert.equal(textOf(v), 't & "q"\n');
  assert.equal(innerXml(read('<o>a &lt; b<h xmlns="DAV:">x</h></o>')), 'a &lt; b<h xmlns="DAV:">x</h>');
});

test('any text survives escaping; what XML cannot carry is replaced', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what XML forbids
      const expected = text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd');
      assert.equal(textOf(read(`<a>${escapeXml(text)}</a>`)), expected);
    }),
  );
  assert.equal(escapeXml('\u0001\uffff'), '\ufffd\ufffd');
});
