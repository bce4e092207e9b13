/**
 * MiniRedirector: one prefix declared at the root, `D:` for everything of DAV:, no white space between elements, a
 * status line with 200. Names compare without case, and some cannot be used at all.
 */
import assert from 'node:assert/strict';

export interface WindowsEntry {
  readonly href: string;
  readonly sizeBytes: number | undefined;
}

const illegal = /[<>:"/\\|?*]|[. ]$/;
const reserved = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/i;

export function miniRedirectorModel(text: string): WindowsEntry[] {
  const [, root] = /^<\?xml[^>]*\?>(<[^>]*>)/.exec(text) ?? [];
  assert.equal(root, '<D:multistatus xmlns:D="DAV:">');
  assert.equal(text.match(/xmlns:D=/g)?.length, 1);
  assert.doesNotMatch(text, /xmlns(?::\w+)?="DAV:".*xmlns(?::\w+)?="DAV:"/s, 'DAV: is declared twice');
  assert.doesNotMatch(text, /<\/D:\w+>\s+<D:/, 'indented');
  return [...text.matchAll(/<D:response><D:href>([^<]*)<\/D:href>(.*?)<\/D:response>/gs)].map(([, href, inside]) => {
    for (const [, line] of inside!.matchAll(/<D:status>([^<]*)<\/D:status>/g))
      assert.match(line!, /^HTTP\/1\.1 \d{3} /);
    const size = /<D:getcontentlength>(\d+)</.exec(inside!)?.[1];
    return { href: href!, sizeBytes: size === undefined ? undefined : Number(size) };
  });
}

/** Names that Windows cannot show or open, and all but the first of those that it cannot tell apart. */
export function unusableForWindows(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const key = name.toLowerCase();
    const isUsable = !illegal.test(name) && !reserved.test(name) && !seen.has(key);
    seen.add(key);
    return !isUsable;
  });
}
