/** What rows are made of. Headers and bodies are Latin-1: one character, one byte. */

/** What it is, the bytes, the statuses that are right (0: closed without an answer). */
export type Row = readonly [name: string, bytes: string, ...statuses: number[]];

export const plain = (line: string, headers = '', body = ''): string =>
  `${line} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`;

export const length = (body: string): string => `Content-Length: ${body.length}\r\n`;

export const xml = (method: string, body: string, headers = ''): string =>
  plain(`${method} /home/canary`, `Depth: 0\r\n${headers}${length(body)}`, body);

export const put = (headers: string, body = 'x', path = '/home/x'): string =>
  plain(`PUT ${path}`, `${headers}${length(body)}`, body);
