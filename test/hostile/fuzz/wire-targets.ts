/** What clients send: paths, headers, XML, logins. */
import { parseBasic } from '../../../src/access/basic-header.js';
import { parseCredentials } from '../../../src/access/credentials.js';
import { parseDigest } from '../../../src/access/digest/digest-header.js';
import { readPreconditions } from '../../../src/http/preconditions.js';
import { decideRange } from '../../../src/http/ranges.js';
import { decodeTargetPath, encodeName } from '../../../src/http/target-path.js';
import { parseIfHeader } from '../../../src/webdav/if-header.js';
import { readXml } from '../../../src/webdav/xml/xml-reader.js';
import { standaloneXml } from '../../../src/webdav/xml/xml-writer.js';
import { ensure, type Target } from './target.js';

const texts = (...list: string[]): Buffer[] => list.map((text) => Buffer.from(text, 'latin1'));
const utf8 = (...list: string[]): Buffer[] => list.map((text) => Buffer.from(text));
const size = 1000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const forbidden = /[/\\\x00-\x1f\x7f]/;

const paths: Target = {
  name: 'paths',
  seeds: texts('/home/a', '/home/%e2%82%ac/b%20c', '/', '/home/a/../b', '/a%2fb', '/home//x/', '/home/%f0%9f%98%80'),
  mayThrow: ['BAD_REQUEST'],
  attempt: (bytes) => {
    const { names } = decodeTargetPath(bytes.toString('latin1'));
    const isInside = (name: string) => name !== '' && name !== '.' && name !== '..' && !forbidden.test(name);
    ensure(names.every(isInside), 'names stay inside');
    const again = decodeTargetPath(`/${names.map(encodeName).join('/')}`);
    ensure(again.names.join('/') === names.join('/'), 'a path that is written again is the same');
  },
};

const ifHeaders: Target = {
  name: 'If',
  seeds: texts(
    '(<urn:a>)',
    '(<urn:a> ["x"]) (Not <urn:b> [W/"y"])',
    '<http://h/home/a> (<urn:a>) </home/b> (Not ["z"])',
    '(Not <DAV:no-lock>)',
  ),
  mayThrow: ['BAD_REQUEST'],
  attempt: (bytes) => {
    const lists = parseIfHeader(
      bytes.toString('latin1'),
      (uri) => decodeTargetPath(uri.replace(/^\w+:\/\/[^/]*/, '')).names,
    );
    ensure(lists.length > 0 && lists.every(({ conditions }) => conditions.length > 0), 'no list is empty');
  },
};

const xml: Target = {
  name: 'XML',
  seeds: utf8(
    '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/><x xmlns="u:n"/></D:prop></D:propfind>',
    '<propertyupdate xmlns="DAV:"><set><prop><a xmlns="n" b="&lt;&#233;">t &amp; <![CDATA[<u>]]></a></prop></set></propertyupdate>',
    '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:shared/></D:lockscope><D:owner>\u00e9 <!-- c --><?p i?></D:owner></D:lockinfo>',
  ),
  mayThrow: ['BAD_REQUEST'],
  attempt: (bytes) => {
    const written = standaloneXml(readXml(bytes));
    ensure(standaloneXml(readXml(Buffer.from(written))) === written, 'what is written is read as the same');
  },
};

const ranges: Target = {
  name: 'ranges',
  seeds: texts('bytes=0-0', 'bytes=5-', 'bytes=-7', 'bytes=0-0,5-9', 'bytes= 1 - 2'),
  mayThrow: [],
  attempt: (bytes) => {
    const range = decideRange(bytes.toString('latin1'), size);
    if (range.kind !== 'part') return;
    const { start, end } = range;
    ensure(
      Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= size,
      'a part lies inside',
    );
  },
};

const conditions: Target = {
  name: 'conditions',
  seeds: texts('"a"', '"a", W/"b", "c"', '*', 'Mon, 01 Jan 2024 00:00:00 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT'),
  mayThrow: ['BAD_REQUEST'],
  attempt: (bytes) => {
    const text = bytes.toString('latin1');
    readPreconditions({ 'if-match': text });
    readPreconditions({ 'if-none-match': text, 'if-unmodified-since': text, 'if-modified-since': text });
  },
};

const logins: Target = {
  name: 'logins',
  seeds: texts(
    'Basic YW5hOnJpZ2h0IHdvcmRz',
    'Digest username="ana", realm="r \\"x\\"", nonce="n", uri="/home/", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c", response="' +
      `${'0a'.repeat(32)}"`,
    'Digest username="b\xc3\xa9n",realm="r",nonce="n",uri="/",qop="auth",nc=0000000A,cnonce="c",response="' +
      `${'0a'.repeat(16)}"`,
  ),
  mayThrow: [],
  attempt: (bytes) => {
    const header = bytes.toString('latin1');
    const basic = parseBasic(header);
    ensure(basic === undefined || !basic.name.includes(':'), 'the name ends at the first colon');
    const digest = parseDigest(header);
    ensure(
      digest === undefined || /^[0-9a-f]{32}$|^[0-9a-f]{64}$/.test(digest.response),
      'a response is one of the two lengths',
    );
  },
};

const credentials: Target = {
  name: 'credentials',
  seeds: texts(
    `scrypt ln=15,r=8,p=1 ${'s'.repeat(22)} ${'k'.repeat(43)} sha-256 ${'0'.repeat(64)} md5 ${'0'.repeat(32)}`,
  ),
  mayThrow: ['CORRUPT'],
  attempt: (bytes) => {
    const { cost, key } = parseCredentials(bytes.toString('latin1'));
    ensure(key.length === 32 && cost.logN <= 20 && cost.blocks <= 16, 'nobody is made to work without end');
  },
};

export const wireTargets: readonly Target[] = [paths, ifHeaders, xml, ranges, conditions, logins, credentials];
