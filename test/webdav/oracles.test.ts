/** Each client model must be able to fail: answers that broke real clients are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryVolume } from '../support/memory-volume.js';
import { judgeMultistatus } from './oracles.js';

const ok = '<D:status>HTTP/1.1 200 OK</D:status>';
const response = (href: string, inside = '<D:resourcetype/>', status = ok) =>
  `<D:response><D:href>${href}</D:href><D:propstat><D:prop>${inside}</D:prop>${status}</D:propstat></D:response>`;
const folder = response('/home/', '<D:resourcetype><D:collection/></D:resourcetype>');
const wrap = (inside: string) =>
  `<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">${inside}</D:multistatus>`;

function judge(body: string, options: { userAgent?: string; volume?: MemoryVolume } = {}): Promise<void> {
  const { userAgent = '', volume } = options;
  return judgeMultistatus({
    method: 'PROPFIND',
    path: '/home/',
    sent: { headers: { Depth: '1', 'User-Agent': userAgent } },
    answer: {
      status: 207,
      headers: { 'content-type': 'application/xml; charset="utf-8"' },
      body: Buffer.from(body),
    },
    volume,
  });
}

test('a good listing passes all models', async () => {
  const volume = new MemoryVolume('home');
  await volume.makeFolder(['x'], {});
  const child = response('/home/x/', '<D:resourcetype><D:collection/></D:resourcetype>');
  await judge(wrap(folder + child), { volume });
});

const broken: readonly [string, string][] = [
  ['an entity in an href', wrap(folder + response('/home/a&amp;b'))],
  ['lower-case encoding', wrap(folder + response('/home/%c3%a9'))],
  ['a child of another folder', wrap(folder + response('/other/a'))],
  ['the same entry twice', wrap(folder + response('/home/a') + response('/home/a'))],
  ['the folder itself missing', wrap(response('/home/a'))],
  [
    'a file with a slash',
    wrap(folder + response('/home/a/', '<D:resourcetype/><D:getcontentlength>1</D:getcontentlength>')),
  ],
  ['a folder without a slash', wrap(folder + response('/home/a', '<D:resourcetype><D:collection/></D:resourcetype>'))],
  ['a date before 1970', wrap(folder + response('/home/a', '<D:creationdate>0001-01-01T00:00:00Z</D:creationdate>'))],
  ['no status line', wrap(folder + response('/home/a', '<D:resourcetype/>', ''))],
  [
    'an indented listing',
    wrap(`${folder}\n${response('/home/a')}`).replaceAll('</D:prop><D:status', '</D:prop>\n<D:status'),
  ],
  ['a namespace declared again', wrap(folder + response('/home/a', '<x:resourcetype xmlns:x="DAV:"/>'))],
  ['another prefix', wrap(folder).replaceAll('D:', 'A:')],
  ['not well-formed', wrap(folder).slice(0, -3)],
  ['a name longer than Finder can take', wrap(folder + response(`/home/${'n'.repeat(256)}`))],
];

for (const [what, body] of broken) {
  test(`refused: ${what}`, () => assert.rejects(judge(body)));
}

test('Windows: names that it cannot use, and listings that it does not show', async () => {
  const userAgent = 'Microsoft-WebDAV-MiniRedir/10.0.26100';
  for (const names of [['a%3Fb'], ['a.'], ['CON'], ['a', 'A']]) {
    const body = wrap(folder + names.map((name) => response(`/home/${name}`)).join(''));
    await judge(body);
    await assert.rejects(judge(body, { userAgent }), /names that Windows cannot use/);
  }
  const many = Array.from({ length: 9000 }, (_, at) => response(`/home/${at}`)).join('');
  await assert.rejects(judge(wrap(folder + many), { userAgent }), /shows nothing/);
});

test('Finder: an href of something else is refused only where Finder would see it', async () => {
  const owner = '<D:resourcetype><D:collection/></D:resourcetype><D:owner><D:href>/me</D:href></D:owner>';
  await judge(wrap(response('/home/', owner)));
  await assert.rejects(judge(wrap(response('/home/', owner)), { userAgent: 'WebDAVFS/3.0.0' }), /an entry for Finder/);
});

test('the volume: what it holds and what is listed must be the same', async () => {
  const volume = new MemoryVolume('home');
  await assert.rejects(judge(wrap(folder + response('/home/a')), { volume }), /listed but not there/);
  await volume.makeFolder(['x'], {});
  await assert.rejects(judge(wrap(folder), { volume }), /x is not listed/);
  const file = '<D:resourcetype/><D:getcontentlength>1</D:getcontentlength>';
  await assert.rejects(judge(wrap(folder + response('/home/x', file)), { volume }));
});
