/** RFC 9110 section 8.8.3. Tags are handled with their quotes (and `W/`), exactly as they travel. */
import { refusal } from './status.js';

const maximumTags = 1000;
/** One tag of a list with what separates it; sticky, so that a list is read in one pass. */
const listMember = /[ \t]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?:,[ \t,]*|$)/y;

export function strongTag(value: string): string {
  return `"${value}"`;
}

/** `*` or the list's tags. Throws a 400 for anything else: a condition that is not understood must not be skipped. */
export function parseTagList(header: string): '*' | string[] {
  const text = header.trim();
  if (text === '*') return '*';
  const tags: string[] = [];
  listMember.lastIndex = 0;
  while (listMember.lastIndex < text.length) {
    const match = listMember.exec(text);
    if (!match || tags.length === maximumTags) throw refusal(400, 'a list of entity tags is not valid');
    tags.push(match[1]!);
  }
  if (tags.length === 0) throw refusal(400, 'a list of entity tags is empty');
  return tags;
}

export function strongMatch(list: '*' | readonly string[], tag: string): boolean {
  return list === '*' || (!tag.startsWith('W/') && list.includes(tag));
}

export function weakMatch(list: '*' | readonly string[], tag: string): boolean {
  return list === '*' || list.some((member) => opaque(member) === opaque(tag));
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
