/** Drawings of the pages, each once in the document and used by name. */
import { contentTypeOf } from '../../http/content-types.js';

const drawings = {
  mark: '<path d="M12 3 4 6.5v5c0 4.6 3.3 8 8 9.5 4.7-1.5 8-4.9 8-9.5v-5z"/><path d="m8.5 12 2.5 2.5 4.5-5"/>',
  folder:
    '<path d="M3 7.5A1.5 1.5 0 0 1 4.5 6h4l2 2.5h9A1.5 1.5 0 0 1 21 10v7.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z"/>',
  other: '<path d="M6.5 3h7L18 7.5V20a1 1 0 0 1-1 1H6.5a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z"/><path d="M13.5 3v4.5H18"/>',
  text: '<path d="M6.5 3h7L18 7.5V20a1 1 0 0 1-1 1H6.5a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1z"/><path d="M13.5 3v4.5H18M8.5 12h6.5M8.5 15h6.5M8.5 18h4"/>',
  image:
    '<rect x="3.5" y="5" width="17" height="14" rx="2"/><circle cx="9" cy="10" r="1.6"/><path d="m4 17 5-4.5 3.5 3 3-2.5 4.5 4"/>',
  media: '<rect x="3.5" y="5" width="17" height="14" rx="2"/><path d="m10 9.2 5 2.8-5 2.8z"/>',
  pack: '<rect x="4" y="4" width="16" height="5" rx="1"/><path d="M5.5 9v10a1 1 0 0 0 1 1h11a1 1 0 0 0 1-1V9M10 13h4"/>',
  drive:
    '<rect x="3" y="13" width="18" height="7" rx="2"/><path d="m4.5 13 2.3-7.4A2 2 0 0 1 8.7 4h6.6a2 2 0 0 1 1.9 1.6L19.5 13M16.5 16.5h.01M13.5 16.5h.01"/>',
  upload: '<path d="M12 16V5M7.5 9 12 4.5 16.5 9M4.5 15v3.5a1.5 1.5 0 0 0 1.5 1.5h12a1.5 1.5 0 0 0 1.5-1.5V15"/>',
  send: '<path d="M3 7.5A1.5 1.5 0 0 1 4.5 6h4l2 2.5h9A1.5 1.5 0 0 1 21 10v7.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5zM12 16.5v-5M9.5 13.5 12 11l2.5 2.5"/>',
  download:
    '<path d="M12 4.5v11M7.5 11.5 12 16l4.5-4.5M4.5 15v3.5a1.5 1.5 0 0 0 1.5 1.5h12a1.5 1.5 0 0 0 1.5-1.5V15"/>',
  add: '<path d="M3 7.5A1.5 1.5 0 0 1 4.5 6h4l2 2.5h9A1.5 1.5 0 0 1 21 10v7.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5zM12 11.5v5M9.5 14h5"/>',
  more: '<circle cx="5.5" cy="12" r=".9"/><circle cx="12" cy="12" r=".9"/><circle cx="18.5" cy="12" r=".9"/>',
  rename: '<path d="m14.5 5.5 4 4L9 19l-5 1 1-5zM12.5 7.5l4 4"/>',
  remove:
    '<path d="M4.5 6.5h15M9.5 6.5V4.5h5v2M6.5 6.5l.8 12a1.5 1.5 0 0 0 1.5 1.5h6.4a1.5 1.5 0 0 0 1.5-1.5l.8-12M10 10.5v6M14 10.5v6"/>',
  go: '<path d="m9 5 7 7-7 7"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
} as const;

export type IconName = keyof typeof drawings;

export const sprites = `<svg class="sprites" aria-hidden="true">${Object.entries(drawings)
  .map(([name, drawing]) => `<symbol id="icon-${name}" viewBox="0 0 24 24">${drawing}</symbol>`)
  .join('')}</svg>`;

export function icon(name: IconName, className = ''): string {
  return `<svg aria-hidden="true"${className && ` class="${className}"`}><use href="#icon-${name}"/></svg>`;
}

/** Which drawing stands for a file. */
export function fileIcon(name: string): IconName {
  const type = contentTypeOf(name);
  if (type.startsWith('image/')) return 'image';
  if (/^(?:audio|video)\//.test(type)) return 'media';
  if (/zip|tar|compressed|gzip|x-7z|x-rar/.test(type)) return 'pack';
  return /^text\/|pdf|document|msword|json|xml|sheet|presentation/.test(type) ? 'text' : 'other';
}

/** Browsers show these as they are; everything else is fetched, for its viewer would have to run in this origin. */
export function isShownByBrowsers(name: string): boolean {
  return /^(?:(?:image|audio|video)\/|text\/plain)/.test(contentTypeOf(name));
}
