/**
 * A folder as a page for browsers. Links and downloads work without script; with it there are uploads, new folders,
 * renaming and deleting, all by keyboard, too, unless its visitor may only read. Streamed like every listing.
 */
import { StreamedBody } from '../../http/streamed-body.js';
import { encodeName } from '../../http/target-path.js';
import type { EntryRow } from '../../volume/volume.js';
import { send } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { isVolumeList } from '../volume-list.js';
import { escapeHtml, formatSize, pageEnd, pageHeaders, pageStart, scripts } from './html.js';
import { fileIcon, icon, isShownByBrowsers } from './icons.js';
import { welcomePage } from './welcome-page.js';

/** Up to so many entries are sorted for people, folders first; larger folders are streamed in the order of the index. */
const sortedEntries = 2_000;

export async function sendFolderPage(context: DavContext, folder: EntryRow): Promise<void> {
  const { response, method, volume } = context;
  if (isVolumeList(volume)) return send(context, 200, pageHeaders, await welcomePage(context, volume.volumes));
  for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value!);
  if (method === 'HEAD') {
    // The length of a listing is known only when it has been made.
    response.end();
    return;
  }
  const body = new StreamedBody(response);
  const title = context.path.at(-1) ?? volume.name;
  const { mayWrite } = context;
  const aside = mayWrite ? `${formatSize((await volume.space()).availableBytes)} free` : 'read only';
  body.push(`${pageStart(title, aside)}${crumbs(context)}<h1>${escapeHtml(title)}</h1>`);
  body.push(toolbar(mayWrite) + tableStart(title));
  const counts = { folders: 0, files: 0, bytes: 0 };
  for await (const entries of pagesForPeople(volume.list(folder))) {
    for (const entry of entries) {
      if (entry.kind === 'folder') counts.folders += 1;
      else counts.files += 1;
      counts.bytes += entry.sizeBytes;
      if (body.push(row(context, entry))) await body.flush();
    }
  }
  if (counts.folders + counts.files === 0) body.push(emptyRow(mayWrite));
  const script = mayWrite ? scripts.writing : scripts.reading;
  body.push(`</tbody></table>${sum(counts, mayWrite)}${widgets(mayWrite)}<script>${script}</script>${pageEnd}`);
  body.end();
}

async function* pagesForPeople(pages: AsyncIterable<readonly EntryRow[]>): AsyncGenerator<readonly EntryRow[]> {
  let first: EntryRow[] | undefined = [];
  for await (const page of pages) {
    if (first) first.push(...page);
    else yield page;
    if (first && first.length > sortedEntries) {
      yield first;
      first = undefined;
    }
  }
  if (first) yield first.sort(forPeople);
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function forPeople(one: EntryRow, other: EntryRow): number {
  if (one.kind !== other.kind) return one.kind === 'folder' ? -1 : 1;
  return collator.compare(one.name, other.name);
}

function row({ href: folderHref, mayWrite }: DavContext, { name, kind, sizeBytes, modified }: EntryRow): string {
  const isFolder = kind === 'folder';
  const picture = isFolder ? 'folder' : fileIcon(name);
  const href = `${folderHref}/${encodeName(name)}${isFolder ? '/' : ''}`;
  const fetches = isFolder || isShownByBrowsers(name) ? '' : ' download';
  const shown = escapeHtml(name);
  const time = new Date(modified).toISOString();
  return (
    `<tr data-kind="${kind}" data-size="${sizeBytes}"><td class="name"><a href="${href}"${fetches}>` +
    `${icon(picture, `i-${picture}`)}<span class="label">${shown}</span></a></td>` +
    `<td class="number">${isFolder ? '' : formatSize(sizeBytes)}</td>` +
    `<td class="time"><time datetime="${time}">${time.slice(0, 16).replace('T', ' ')}</time></td>` +
    `<td class="more needs-script">${mayWrite || !isFolder ? moreButton(shown) : ''}</td></tr>`
  );
}

function moreButton(shown: string): string {
  return `<button type="button" class="quiet" aria-label="Actions for ${shown}">${icon('more')}</button>`;
}

function crumbs(context: DavContext): string {
  const links = ['<li><a href="/">Volumes</a></li>'];
  for (let length = 0; length < context.path.length; length += 1) {
    const name = length === 0 ? context.volume.name : context.path[length - 1]!;
    links.push(`<li><a href="${context.hrefOf(context.path.slice(0, length))}/">${escapeHtml(name)}</a></li>`);
  }
  return `<nav aria-label="Folders above"><ol class="crumbs">${links.join('')}</ol></nav>`;
}

function toolbar(mayWrite: boolean): string {
  const filter =
    '<input type="search" class="filter" placeholder="Filter" aria-label="Filter by name" autocomplete="off">';
  const changes =
    `<button type="button" class="main-action" id="upload">${icon('upload')}Upload</button>` +
    `<button type="button" id="upload-folder" aria-label="Upload folder">${icon('send')}<span class="wide">Upload folder</span></button>` +
    `<button type="button" id="new-folder" aria-label="New folder">${icon('add')}<span class="wide">New folder</span></button>`;
  const choosers =
    '<input type="file" id="files" multiple hidden><input type="file" id="folder" webkitdirectory hidden>';
  return `<div class="bar needs-script">${mayWrite ? changes : ''}${filter}${mayWrite ? choosers : ''}</div>`;
}

function tableStart(title: string): string {
  const head = (column: string, label: string, className = ''): string =>
    `<th scope="col" data-column="${column}"${className && ` class="${className}"`}>` +
    `<button type="button" class="quiet">${label}</button></th>`;
  return (
    `<table><caption class="unseen">Contents of ${escapeHtml(title)}</caption><thead><tr>${head('name', 'Name')}` +
    `${head('size', 'Size', 'number')}${head('time', 'Modified', 'time')}` +
    '<th scope="col" class="needs-script"><span class="unseen">Actions</span></th></tr></thead><tbody>'
  );
}

function emptyRow(mayWrite: boolean): string {
  const advice = mayWrite ? '<br><span class="needs-script">Drop files here, or choose Upload.</span>' : '';
  return `<tr><td colspan="4" class="empty">${icon('folder')}This folder is empty.${advice}</td></tr>`;
}

interface Counts {
  readonly folders: number;
  readonly files: number;
  readonly bytes: number;
}

function sum({ folders, files, bytes }: Counts, mayWrite: boolean): string {
  const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;
  const parts = [...(folders > 0 ? [count(folders, 'folder')] : []), ...(files > 0 ? [count(files, 'file')] : [])];
  const text = parts.length === 0 ? '' : `${parts.join(', ')}${files > 0 ? ` · ${formatSize(bytes)}` : ''}`;
  const changes = '<kbd>F2</kbd> rename · <kbd>Del</kbd> delete · <kbd>U</kbd> upload · <kbd>N</kbd> new folder · ';
  const keys = `<kbd>↑</kbd> <kbd>↓</kbd> move · ${mayWrite ? changes : ''}<kbd>/</kbd> filter`;
  return `<div class="sum"><span>${text}</span><span class="keys needs-script">${keys}</span></div>`;
}

function widgets(mayWrite: boolean): string {
  const changes =
    `<button type="button" role="menuitem" data-action="rename">${icon('rename')}Rename</button>` +
    `<button type="button" role="menuitem" class="remove" data-action="remove">${icon('remove')}Delete</button>`;
  const menu =
    `<div class="menu" role="menu" hidden><a class="fetch button" role="menuitem" data-action="fetch">${icon('download')}Download</a>` +
    `${mayWrite ? changes : ''}</div>`;
  if (!mayWrite) return menu;
  return (
    `${menu}<dialog aria-labelledby="dialog-title"></dialog><div class="drop" hidden>Drop to upload into this folder</div>` +
    '<section class="transfers" aria-label="Uploads" hidden><div><strong></strong>' +
    `<button type="button" class="quiet close" aria-label="Close">${icon('close')}</button></div><ul></ul></section>` +
    '<div class="toast" role="status" aria-live="polite" hidden></div>'
  );
}
