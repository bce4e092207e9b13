/** What the pages for browsers share: escaping, the frame, and the headers that keep them harmless. */
import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { icon, sprites } from './icons.js';
import { changeScript } from './scripts/change-script.js';
import { folderScript } from './scripts/folder-script.js';
import { uploadScript } from './scripts/upload-script.js';
import { style } from './style.js';

/** For whoever may only read, and for everybody else. */
export const scripts = { reading: folderScript, writing: `${folderScript}${changeScript}${uploadScript}` } as const;

const hashed = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Only the pages' own style and script run, nothing is loaded from elsewhere, and no other site may frame them. */
export const pageHeaders: OutgoingHttpHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    `default-src 'none'; style-src ${hashed(style)}; script-src ${hashed(scripts.reading)} ${hashed(scripts.writing)}; connect-src 'self'; ` +
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache, private',
};

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character]!);
}

/** Without it browsers ask for /favicon.ico. */
const mark =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%230a8f6a' stroke-width='2'%3E%3Cpath d='M12 3 4 6.5v5c0 4.6 3.3 8 8 9.5 4.7-1.5 8-4.9 8-9.5v-5z'/%3E%3Cpath d='m8.5 12 2.5 2.5 4.5-5'/%3E%3C/svg%3E";

/** `aside`: text at the right of the head line. */
export function pageStart(title: string, aside = ''): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="${mark}">` +
    `<style>${style}</style></head><body>${sprites}<header><div><a class="brand" href="/">${icon('mark')}Holdfast</a>` +
    `<span class="space">${escapeHtml(aside)}</span></div></header><main>`
  );
}

export const pageEnd = '</main></body></html>\n';

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatSize(sizeBytes: number): string {
  let size = sizeBytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}
