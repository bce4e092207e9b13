/** `X-Update-Range` of a partial update: `bytes=3-6`, `bytes=3-`, `bytes=-4` (from the end), `append`. */
import type { IncomingHttpHeaders } from 'node:http';
import { refusal } from '../../http/status.js';
import type { Amendment } from '../../volume/volume.js';

/** 400 for what is none, 416 where its length is not that of the body. */
export function readUpdateRange(headers: IncomingHttpHeaders, bodyBytes: number): Pick<Amendment, 'from' | 'offset'> {
  const text = headers['x-update-range'];
  const match = typeof text === 'string' ? /^(?:(append)|bytes=(\d{0,15})-(\d{0,15}))$/i.exec(text.trim()) : null;
  if (!match) throw refusal(400, 'X-Update-Range is "append" or a range of bytes');
  const [, append, first = '', last = ''] = match;
  if (append) return { from: 'end', offset: 0 };
  if (first === '') {
    if (last === '') throw refusal(400, 'X-Update-Range names no byte');
    return { from: 'end', offset: Number(last) };
  }
  const start = Number(first);
  if (last !== '' && Number(last) - start + 1 !== bodyBytes) throw refusal(416, 'the range is not as long as the body');
  return { from: 'start', offset: start };
}
