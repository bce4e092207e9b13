/** A folder as a page for browsers: to look and to fetch, nothing more. Streamed like every listing. */
import { StreamedBody } from '../../http/streamed-body.js';
import { encodeName } from '../../http/target-path.js';
import type { EntryRow } from '../../volume/volume.js';
import { send } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { isVolumeList } from '../volume-list.js';
import { escapeHtml, pageEnd, pageHeaders, pageStart } from './html.js';
import { welcomePage } from './welcome-page.js';

export async function sendFolderPage(context: DavContext, folder: EntryRow): Promise<void> {
  const { response, method, volume } = context;
  if (isVolumeList(volume)) return send(context, 200, pageHeaders, welcomePage(context, volume.volumes));
  for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value!);
  if (method === 'HEAD') {
    // The length of a listing is known only when it has been made.
    response.end();
    return;
  }
  const body = new StreamedBody(response);
  const base = context.href;
  const title = context.path.at(-1) ?? volume.name;
  body.push(`${pageStart(title)}<h1>${escapeHtml(title)}</h1>${breadcrumbs(context)}`);
  body.push(
    '<table><thead><tr><th>Name</th><th class="number">Size</th><th class="time">Modified (UTC)</th></tr></thead><tbody>',
  );
  let count = 0;
  for await (const page of volume.list(folder)) {
    count += page.length;
    for (const entry of page) if (body.push(row(base, entry))) await body.flush();
  }
  if (count === 0) body.push('<tr><td colspan="3" class="soft">This folder is empty.</td></tr>');
  body.push(`</tbody></table>${pageEnd}`);
  body.end();
}

function row(base: string, { name, kind, sizeBytes, modified }: EntryRow): string {
  const slash = kind === 'folder' ? '/' : '';
  const size = kind === 'folder' ? '' : formatSize(sizeBytes);
  const time = new Date(modified).toISOString().slice(0, 16).replace('T', ' ');
  return (
    `<tr><td><a href="${base}/${encodeName(name)}${slash}">${escapeHtml(name)}${slash}</a></td>` +
    `<td class="number">${size}</td><td class="time soft">${time}</td></tr>`
  );
}

function breadcrumbs(context: DavContext): string {
  const links = [`<a href="/">Volumes</a>`];
  for (let length = 0; length < context.path.length; length += 1) {
    const name = length === 0 ? context.volume.name : context.path[length - 1]!;
    links.push(`<a href="${context.hrefOf(context.path.slice(0, length))}/">${escapeHtml(name)}</a>`);
  }
  return `<p class="soft">${links.join(' / ')}</p>`;
}

function formatSize(sizeBytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = sizeBytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
