/** `/` for browsers: which volumes there are, and how to mount one on the visitor's own system. */
import { encodeName } from '../../http/target-path.js';
import type { Volume } from '../../volume/volume.js';
import type { DavContext } from '../dav-context.js';
import { escapeHtml, pageEnd, pageStart } from './html.js';

type System = 'mac' | 'windows' | 'linux';

export function welcomePage(context: DavContext, volumes: readonly Volume[]): string {
  const { headers } = context.request;
  const host = headers.host ?? 'localhost';
  const first = volumes[0];
  const path = first ? `/${encodeName(first.name)}/` : '/';
  const url = `http://${host}${path}`;
  const own = systemOf(headers['user-agent'] ?? '');
  const sections = (['mac', 'windows', 'linux'] as const).map((system) => section(system, url, own === system));
  return (
    `${pageStart('Holdfast')}<h1>Holdfast is running</h1>` +
    '<p class="soft">A network drive that does not lose your files when it loses a disk. Mount it, and it is a folder like any other.</p>' +
    `<h2>Volumes</h2>${volumes.map((volume) => volumeCard(volume, host)).join('')}` +
    `<h2>Mount it on this computer</h2>${sections.join('')}` +
    `<p class="soft">Any other WebDAV client works too: give it the address <code>${escapeHtml(url)}</code>.</p>${pageEnd}`
  );
}

function volumeCard({ name }: Volume, host: string): string {
  const path = `/${encodeName(name)}/`;
  return (
    `<p class="card"><a href="${path}"><strong>${escapeHtml(name)}</strong></a><br>` +
    `<span class="soft">Address: <code>${escapeHtml(`http://${host}${path}`)}</code></span></p>`
  );
}

function section(system: System, url: string, open: boolean): string {
  const { title, body } = guides[system](escapeHtml(url));
  return `<details${open ? ' open' : ''}><summary>${title}</summary>${body}</details>`;
}

const guides: Readonly<Record<System, (url: string) => { readonly title: string; readonly body: string }>> = {
  mac: (url) => ({
    title: 'macOS',
    body:
      '<ol><li>In Finder choose <strong>Go</strong>, then <strong>Connect to Server</strong> (or press <code>⌘K</code>).</li>' +
      `<li>Enter <code>${url}</code> and press <strong>Connect</strong>.</li><li>Choose <strong>Guest</strong> if you are asked.</li></ol>`,
  }),
  windows: (url) => ({
    title: 'Windows',
    body:
      '<ol><li>In Explorer open <strong>This PC</strong> and choose <strong>Map network drive</strong>.</li>' +
      `<li>Enter <code>${url}</code> as the folder and finish.</li></ol><p class="soft">Or in a command prompt:</p>` +
      `<pre><code>net use * ${url.replace(/\/$/, '')}</code></pre>` +
      '<p class="soft">Windows itself takes no file above 50 MB over WebDAV unless its registry is changed; for large files use rclone.</p>',
  }),
  linux: (url) => ({
    title: 'Linux',
    body:
      `<p>GNOME Files: <strong>Other Locations</strong>, then enter <code>${url.replace(/^http/, 'dav')}</code>. ` +
      `KDE Dolphin: <code>${url.replace(/^http/, 'webdav')}</code>. As a folder for all programs:</p>` +
      `<pre><code>sudo mount -t davfs ${url} /mnt</code></pre><p class="soft">or with rclone, best for large files:</p>` +
      `<pre><code>rclone mount --vfs-cache-mode full --webdav-vendor owncloud --webdav-url ${url} :webdav: ~/holdfast</code></pre>`,
  }),
};

function systemOf(userAgent: string): System {
  if (/Windows/i.test(userAgent)) return 'windows';
  return /Mac OS|Macintosh|iPhone|iPad/i.test(userAgent) ? 'mac' : 'linux';
}
