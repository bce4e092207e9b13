/** Bodies: XML that is no XML, too much of it, and uploads that are parts or packed. */
import { plain, type Row, xml } from './row.js';

export const bodies: Row[] = [
  ['a body beyond all limits', plain('PROPFIND /home/', 'Depth: 0\r\nContent-Length: 10000000000\r\n'), 413],
  ['a large body on DELETE', plain('DELETE /home/canary', 'Content-Length: 2000000\r\n'), 413],
  [
    'an XML body of 2 MiB in chunks',
    plain(
      'PROPFIND /home/',
      'Depth: 0\r\nTransfer-Encoding: chunked\r\n',
      `200000\r\n${' '.repeat(0x200000)}\r\n0\r\n\r\n`,
    ),
    413,
  ],
  [
    'a document type',
    xml(
      'PROPFIND',
      '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><D:propfind xmlns:D="DAV:">&x;</D:propfind>',
    ),
    400,
  ],
  [
    'a billion laughs',
    xml('PROPFIND', `<!DOCTYPE a [<!ENTITY a "ha">${'<!ENTITY b "&a;&a;">'.repeat(50)}]><a>&b;</a>`),
    400,
  ],
  ['100,000 nested elements', xml('PROPFIND', '<a>'.repeat(100_000)), 400],
  [
    '50,000 attributes',
    xml('PROPFIND', `<a ${Array.from({ length: 50_000 }, (_, at) => `b${at}=""`).join(' ')}/>`),
    400,
  ],
  [
    '5,000 properties',
    xml(
      'PROPFIND',
      `<D:propfind xmlns:D="DAV:"><D:prop>${Array.from({ length: 5000 }, (_, at) => `<D:b${at}/>`).join('')}</D:prop></D:propfind>`,
    ),
    400,
  ],
  ['UTF-16', plain('PROPFIND /home/', 'Depth: 0\r\nContent-Length: 8\r\n', '\0<\0a\0/\0>'), 400],
  ['another root', xml('PROPFIND', '<a/>'), 400],
  ['malformed PROPPATCH', xml('PROPPATCH', '<D:propertyupdate xmlns:D="DAV:">'), 400],
  ['LOCK of nonsense', xml('LOCK', '<a xmlns="DAV:"/>'), 400],
  ['PUT of a part', plain('PUT /home/canary', 'Content-Range: bytes 0-0/16\r\nContent-Length: 1\r\n', 'x'), 400],
  ['PUT of packed bytes', plain('PUT /home/canary', 'Content-Encoding: gzip\r\nContent-Length: 1\r\n', 'x'), 415],
  ['a parameter entity', xml('PROPFIND', '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]><a/>'), 400],
  ['an empty document type', xml('PROPPATCH', '<!DOCTYPE a><D:propertyupdate xmlns:D="DAV:"/>'), 400],
  ['a document type in a LOCK', xml('LOCK', '<!doctype a><a/>'), 400],
  [
    'an unknown entity',
    xml('PROPFIND', '<D:propfind xmlns:D="DAV:"><D:prop><D:a>&x;</D:a></D:prop></D:propfind>'),
    400,
  ],
  ['a reference to NUL', xml('PROPFIND', '<D:propfind xmlns:D="DAV:"><D:prop>&#0;</D:prop></D:propfind>'), 400],
  ['a reference beyond Unicode', xml('PROPFIND', '<D:propfind xmlns:D="DAV:">&#x110000;</D:propfind>'), 400],
  ['a NUL in XML', xml('PROPFIND', '<D:propfind xmlns:D="DAV:">\0</D:propfind>'), 400],
  ['invalid UTF-8 in XML', xml('PROPFIND', '<D:propfind xmlns:D="DAV:">\xff\xfe</D:propfind>'), 400],
  ['overlong UTF-8 in XML', xml('PROPFIND', '<D:propfind xmlns:D="DAV:">\xc0\xaf</D:propfind>'), 400],
  ['a prefix that is not declared', xml('PROPFIND', '<E:propfind/>'), 400],
  ['two roots', xml('PROPFIND', '<a xmlns="DAV:"/><a xmlns="DAV:"/>'), 400],
  ['text behind the root', xml('PROPFIND', '<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>x'), 400],
  ['an attribute twice', xml('PROPFIND', '<D:propfind xmlns:D="DAV:" a="" a=""/>'), 400],
  ['an end that is another', xml('PROPFIND', '<D:propfind xmlns:D="DAV:"></D:prop>'), 400],
  ['a comment that never ends', xml('PROPFIND', '<!-- '), 400],
  ['a CDATA section that never ends', xml('PROPFIND', '<a><![CDATA['), 400],
  ['JSON', xml('PROPFIND', '{"propfind":{}}'), 400],
  [
    'a property name of 1 MB',
    xml('PROPFIND', `<D:propfind xmlns:D="DAV:"><D:prop><D:${'a'.repeat(1_000_000)}/></D:prop></D:propfind>`),
    207,
    400,
    413,
  ],
  [
    '50,000 namespaces',
    xml('PROPFIND', `<a ${Array.from({ length: 20_000 }, (_, at) => `xmlns:n${at}="u"`).join(' ')}/>`),
    400,
  ],
  [
    'a PROPPATCH of a protected property',
    xml(
      'PROPPATCH',
      '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:getetag>x</D:getetag></D:prop></D:set></D:propertyupdate>',
    ),
    207,
  ],
  [
    '2,000 changed properties',
    xml(
      'PROPPATCH',
      `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>${Array.from({ length: 2000 }, (_, at) => `<a${at}/>`).join('')}</D:prop></D:set></D:propertyupdate>`,
    ),
    400,
  ],
  [
    'a lock of an unknown scope',
    xml('LOCK', '<lockinfo xmlns="DAV:"><lockscope><x/></lockscope><locktype><write/></locktype></lockinfo>'),
    400,
  ],
  [
    'a lock with an owner of 100 KB',
    xml(
      'LOCK',
      `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>${'o'.repeat(100_000)}</owner></lockinfo>`,
    ),
    400,
  ],
  ['MKCOL with a body', plain('MKCOL /home/canary', 'Content-Length: 4\r\n', '<a/>'), 405, 415],
];
