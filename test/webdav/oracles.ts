/**
 * Small models of the three most fragile client parsers. The test clients send every 207 through all of them: each must
 * see what the others see, and what the volume holds.
 */
import assert from 'node:assert/strict';
import { windowsName } from '../../src/core/text/windows-names.js';
import type { EntryRow, Volume } from '../../src/volume/volume.js';
import type { Answer, Sent } from './dav-client.js';
import { finderModel, type Listed } from './models/finder-model.js';
import { miniRedirectorModel, unusableForWindows } from './models/mini-redirector-model.js';
import { neonModel, type ParsedResponse } from './models/neon-model.js';

export type { Listed } from './models/finder-model.js';
export type { ParsedResponse, Propstat } from './models/neon-model.js';

export interface Received {
  readonly method: string;
  /** As sent. */
  readonly path: string;
  readonly sent: Pick<Sent, 'headers' | 'unusableForWindows'>;
  readonly answer: Pick<Answer, 'status' | 'headers' | 'body'>;
  /** What is served there, if the test knows. */
  readonly volume?: Volume | undefined;
}

/** Throws when any model stumbles, or sees something else than the others or than the volume holds. */
export async function judgeMultistatus({ method, path, sent, answer, volume }: Received): Promise<void> {
  const headers = Object.entries(sent.headers ?? {});
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1];
  const userAgent = String(header('user-agent') ?? '');
  const children = readChildren(answer, path, userAgent);
  const isWindows = userAgent.includes('MiniRedir');
  if (isWindows) {
    const unusable = unusableForWindows(children.map(({ name }) => name));
    assert.deepEqual(unusable, sent.unusableForWindows ?? [], 'names that Windows cannot use');
    assert.ok(answer.body.length <= 1_000_000, 'Explorer shows nothing of a listing this long');
  }
  if (method !== 'PROPFIND' || header('depth') !== '1' || !volume) return;
  const expected = await listVolume(volume, path);
  const names = new Set(children.map(({ name }) => name.normalize('NFC')));
  for (const row of expected ?? []) {
    const name = (isWindows ? windowsName(row.name) : row.name).normalize('NFC');
    assert.ok(names.delete(name), `${name} is not listed`);
    const seen = children.find((child) => child.name.normalize('NFC') === name)!;
    assert.equal(seen.folder ?? row.kind === 'folder', row.kind === 'folder', name);
    assert.equal(seen.sizeBytes ?? row.sizeBytes, row.sizeBytes, name);
  }
  assert.deepEqual([...(expected ? names : [])], [], 'listed but not there');
}

/** Runs all models; returns what neon sees. `requestPath`: the path as sent. */
export function readMultistatus(answer: Pick<Answer, 'status' | 'headers' | 'body'>, requestPath: string) {
  readChildren(answer, requestPath, '');
  return neonModel(answer.body, requestPath);
}

/** Children (and the folder itself first) of a Depth 1 listing as Finder sees them. */
export function listed(answer: Pick<Answer, 'status' | 'headers' | 'body'>, requestPath: string): Listed[] {
  readChildren(answer, requestPath, '');
  return finderModel(answer.body.toString(), requestPath);
}

interface Child {
  readonly name: string;
  /** undefined where the answer does not say. */
  readonly folder: boolean | undefined;
  readonly sizeBytes: number | undefined;
}

function readChildren(
  answer: Pick<Answer, 'status' | 'headers' | 'body'>,
  requestPath: string,
  userAgent: string,
): Child[] {
  assert.equal(answer.status, 207, answer.body.toString());
  assert.match(answer.headers['content-type'] ?? '', /^(?:application|text)\/xml; charset="utf-8"$/);
  const text = answer.body.toString();
  const responses = neonModel(answer.body, requestPath);
  const windows = miniRedirectorModel(text);
  assert.deepEqual(
    windows.map(({ href }) => href),
    responses.map(({ href }) => href),
    'Explorer sees other entries than neon',
  );
  const strangers = responses.reduce((sum, { nestedHrefs }) => sum + nestedHrefs, 0);
  const finder = finderModel(text, requestPath);
  assert.equal(finder.length, responses.length + strangers, 'Finder sees another number of entries');
  if (strangers > 0) {
    assert.doesNotMatch(userAgent, /^WebDAVFS/, 'an href of something else is an entry for Finder');
    return [];
  }
  const own = responses.map((response) => lastName(response.href));
  finder.forEach((entry, at) => {
    if (entry.name !== '') assert.equal(entry.name.normalize('NFC'), own[at]!.normalize('NFC'));
  });
  return finder.flatMap((entry, at) => (entry.name === '' ? [] : [childOf(entry, responses[at]!)]));
}

function childOf({ name, folder, sizeBytes }: Listed, { kind }: ParsedResponse): Child {
  return { name, folder: kind && folder, sizeBytes };
}

function lastName(href: string): string {
  return decodeURIComponent(href.replace(/\/+$/, '').split('/').at(-1)!);
}

/** undefined when the path is none of the volume's folders. */
async function listVolume(volume: Volume, requestPath: string): Promise<EntryRow[] | undefined> {
  const [mount, ...names] = decodeURIComponent(requestPath).split('/').filter(Boolean);
  if (mount?.normalize('NFC') !== volume.name.normalize('NFC')) return undefined;
  const folder = await volume.stat(names);
  if (folder?.kind !== 'folder') return undefined;
  const rows: EntryRow[] = [];
  for await (const page of volume.list(folder)) rows.push(...page);
  return rows;
}
