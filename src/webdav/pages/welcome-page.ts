/** `/` for browsers: which volumes there are, and how to mount one on the visitor's own system. */
import { encodeName } from '../../http/target-path.js';
import type { Volume } from '../../volume/volume.js';
import { type VisitorSystem, visitorSystem } from '../client-profiles.js';
import type { DavContext } from '../dav-context.js';
import { escapeHtml, formatSize, pageEnd, pageStart } from './html.js';
import { icon } from './icons.js';

export async function welcomePage(context: DavContext, volumes: readonly Volume[]): Promise<string> {
  const { headers } = context.request;
  const host = headers.host ?? 'localhost';
  const first = volumes[0];
  const path = first ? `/${encodeName(first.name)}/` : '/';
  const url = `${isSecure(context) ? 'https' : 'http'}://${host}${path}`;
  const own = visitorSystem(headers['user-agent']);
  const sections = (['mac', 'windows', 'linux'] as const).map((system) => section(system, url, own === system));
  const cards = await Promise.all(volumes.map(volumeCard));
  return (
    `${pageStart('Holdfast')}<h1>Your drive</h1>` +
    '<p class="soft">A network drive that does not lose your files when it loses a disk. Open it here, or mount it.</p>' +
    `<h2>Volumes</h2>${cards.join('')}` +
    `<h2>Use it like a folder of this computer</h2>${sections.join('')}` +
    `<p class="soft">Any other WebDAV client works too: give it the address <code>${escapeHtml(url)}</code>.</p>${pageEnd}`
  );
}

/** A proxy that ends TLS is not seen from here. */
function isSecure({ request }: DavContext): boolean {
  return 'encrypted' in request.socket;
}

async function volumeCard(volume: Volume): Promise<string> {
  const { availableBytes, usedBytes } = await volume.space();
  return (
    `<a class="card" href="/${encodeName(volume.name)}/">${icon('drive')}<span><strong>${escapeHtml(volume.name)}</strong><br>` +
    `<span class="soft">${formatSize(usedBytes)} used, ${formatSize(availableBytes)} free</span></span>${icon('go', 'go')}</a>`
  );
}

function section(system: VisitorSystem, url: string, open: boolean): string {
  const { title, body } = guides[system](escapeHtml(url));
  return `<details${open ? ' open' : ''}><summary>${title}</summary>${body}</details>`;
}

const guides: Readonly<Record<VisitorSystem, (url: string) => { readonly title: string; readonly body: string }>> = {
  mac: (url) => ({
    title: 'macOS',
    body:
      '<ol><li>In Finder choose <strong>Go</strong>, then <strong>Connect to Server</strong> (or press <code>⌘K</code>).</li>' +
      `<li>Enter <code>${url}</code> and press <strong>Connect</strong>.</li><li>Give your name and password, or choose <strong>Guest</strong> where there are no users.</li></ol>`,
  }),
  windows: (url) => ({
    title: 'Windows',
    body:
      '<ol><li>In Explorer open <strong>This PC</strong> and choose <strong>Map network drive</strong>.</li>' +
      `<li>Enter <code>${url}</code> as the folder and finish.</li></ol><p class="soft">Or in a command prompt:</p>` +
      `<pre><code>net use * ${url.replace(/\/$/, '')}</code></pre>` +
      '<p class="soft">Windows itself takes no file above 50 MB over WebDAV until <code>mount/windows.ps1 allow-large-files</code> ' +
      'was run once as administrator, and none above 4 GiB; for these use rclone with WinFsp.</p>',
  }),
  linux: (url) => ({
    title: 'Linux',
    body:
      `<p>GNOME Files: <strong>Other Locations</strong>, then enter <code>${url.replace(/^http/, 'dav')}</code>. ` +
      `KDE Dolphin: <code>${url.replace(/^http/, 'webdav')}</code>. As a folder for all programs, ` +
      'in the folder where Holdfast is installed, by rclone:</p>' +
      `<pre><code>mount/linux-rclone.sh mount ${url} ~/drive</code></pre><p class="soft">or, as root, by davfs2:</p>` +
      `<pre><code>sudo mount/linux-davfs2.sh mount ${url} /mnt/drive</code></pre>` +
      '<p class="soft">They set what these programs get wrong by default. Unmount before you shut down: <code>unmount</code> ' +
      'in place of <code>mount URL</code> waits until everything has arrived.</p>',
  }),
};
