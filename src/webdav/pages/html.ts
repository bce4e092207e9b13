/** What the pages for browsers share: escaping, the frame, and the headers that keep them harmless. */
import type { OutgoingHttpHeaders } from 'node:http';

/** Nothing may be loaded, run or framed; only the page's own style. */
export const pageHeaders: OutgoingHttpHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
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

const style = `
:root { color-scheme: light dark; --ink: #1c2321; --soft: #5c6864; --line: #d9dfdc; --paper: #f7f9f8; --card: #fff; --accent: #0b6b4f }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ecea; --soft: #98a5a0; --line: #2f3936; --paper: #141918; --card: #1b2220; --accent: #5fd0a8 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem 4rem }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.05rem; margin: 2rem 0 .75rem }
p { margin: .5rem 0 } a { color: var(--accent) } .soft { color: var(--soft) }
code { font: .9em ui-monospace, monospace; background: var(--paper); border: 1px solid var(--line); border-radius: .35rem;
  padding: .1rem .35rem; overflow-wrap: anywhere }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; margin: .5rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere }
pre code { border: 0; padding: 0 }
details, .card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: .9rem 1.1rem; margin: .6rem 0 }
summary { cursor: pointer; font-weight: 600 } ol { padding-left: 1.3rem; margin: .5rem 0 }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
th, td { padding: .5rem .8rem; text-align: left; border-top: 1px solid var(--line) } th { border-top: 0; color: var(--soft); font-weight: 500 }
td:first-child { overflow-wrap: anywhere } .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
@media (max-width: 34rem) { .time { display: none } }
`;

export function pageStart(title: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><style>${style}</style></head><body><main>`
  );
}

export const pageEnd = '</main></body></html>\n';
