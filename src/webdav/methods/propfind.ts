/** PROPFIND: listings stream from pages of the index, at the client's pace; an entry that fails fails the answer. */
import { readBody } from '../../http/body.js';
import { limits } from '../../http/limits.js';
import { refusal } from '../../http/status.js';
import { encodeName } from '../../http/target-path.js';
import type { EntryPath, EntryRow, LockRow, SpaceReport } from '../../volume/volume.js';
import { type Handler, sendNotFound } from '../answers.js';
import type { DavContext } from '../dav-context.js';
import { lookUp } from '../marker-files.js';
import { Multistatus } from '../multistatus.js';
import { needs, needsStored, type PropertyRequest, propstatsXml, readPropertyRequest } from '../property-request.js';
import { readDepth, verifyIfHeader } from '../request-headers.js';

export const propfind: Handler = async (context) => {
  const depth = readDepth(context.request.headers);
  context.acceptBody();
  const body = await readBody(context.request, limits.xmlBytes);
  const request = readPropertyRequest(body, context.profile);
  await verifyIfHeader(context);
  const entry = await lookUp(context);
  if (!entry) return sendNotFound(context);
  if (depth === 'infinity' && entry.kind === 'folder') {
    throw refusal(403, 'whole trees are not listed at once', 'propfind-finite-depth');
  }
  await new Listing(context, request).send(entry, depth === 1);
};

class Listing {
  readonly #context: DavContext;
  readonly #request: PropertyRequest;
  readonly #options: Parameters<typeof propstatsXml>[3];
  readonly #withLocks: boolean;
  #space: SpaceReport | undefined;

  constructor(context: DavContext, request: PropertyRequest) {
    this.#context = context;
    this.#request = request;
    this.#options = { brief: wantsBrief(context), profile: context.profile };
    this.#withLocks = needs(request, 'locks');
  }

  async send(entry: EntryRow, withChildren: boolean): Promise<void> {
    const { volume, path, profile, href } = this.#context;
    if (needs(this.#request, 'space') && !profile.hidesQuota) this.#space = await volume.space();
    const own = await this.#propstats(entry, path);
    const answer = new Multistatus(this.#context);
    if (entry.kind === 'file') {
      answer.push(href, own);
    } else {
      answer.push(`${href}/`, own);
      if (withChildren) await this.#children(entry, answer);
    }
    answer.end();
  }

  async #children(folder: EntryRow, answer: Multistatus): Promise<void> {
    const { volume, path, href } = this.#context;
    for await (const page of volume.list(folder)) {
      for (const child of page) {
        // Most entries need nothing that has to be awaited.
        const waits = this.#withLocks || needsStored(this.#request, child);
        const xml = waits ? await this.#propstats(child, [...path, child.name]) : this.#xml(child, [], []);
        const full = answer.push(`${href}/${encodeName(child.name)}${child.kind === 'folder' ? '/' : ''}`, xml);
        if (full) await answer.flush();
      }
    }
  }

  async #propstats(entry: EntryRow, path: EntryPath): Promise<string> {
    const { volume } = this.#context;
    const stored = needsStored(this.#request, entry) ? await volume.properties(entry) : [];
    const locks = this.#withLocks ? await volume.locks(path) : [];
    return this.#xml(entry, stored, locks);
  }

  #xml(entry: EntryRow, stored: Parameters<typeof propstatsXml>[2], locks: readonly LockRow[]): string {
    const source = {
      entry,
      locks,
      space: this.#space,
      hrefOfLockRoot: (lock: LockRow) => this.#context.hrefOfRelative(lock.path),
      principal: this.#context.principal,
    };
    return propstatsXml(this.#request, source, stored, this.#options);
  }
}

/** `Brief: t` (Office), `Prefer: return=minimal` (RFC 8144); for the MiniRedirector every byte of a listing counts. */
function wantsBrief({ request: { headers }, profile }: DavContext): boolean {
  if (profile.compact) return true;
  const { brief, prefer } = headers;
  return brief === 't' || (typeof prefer === 'string' && /(?:^|[,;\s])return\s*=\s*"?minimal/i.test(prefer));
}
