/**
 * Several clients that save, overwrite, move, copy and delete at once, each in a folder of its own, and remember what
 * was acknowledged. After a crash `verify` asks the server for every file: acknowledged changes must be there to the
 * byte; of the change that each client was waiting for, the whole or nothing.
 */
import { DavClient } from './dav-client.js';
import { KiB, MiB } from './requirements.js';
import { Chance, contentOf } from './seeded.js';
import { waitUntil } from './wait.js';

interface Content {
  readonly key: string;
  readonly sizeBytes: number;
}

type Files = Map<string, Content>;

type Change =
  | { readonly kind: 'put'; readonly path: string; readonly content: Content }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'move' | 'copy'; readonly path: string; readonly target: string };

export class UploadStorm {
  readonly #clients: StormClient[];
  /** Answers that were no success, over all rounds. A healthy drive gives none. */
  readonly refusals: string[] = [];
  acknowledged = 0;

  constructor(seed: number, clients = 6) {
    this.#clients = Array.from({ length: clients }, (_, index) => new StormClient(`storm-${index}`, seed + index));
  }

  /** Makes the clients' folders. */
  async prepare(url: string): Promise<void> {
    const dav = new DavClient(url);
    for (const client of this.#clients) await dav.must('MKCOL', `${client.folder}/`);
    dav.close();
  }

  /** Resolves when so many changes have been acknowledged since the beginning, or one was refused. */
  async until(acknowledged: number): Promise<void> {
    const isSo = async () => this.refusals.length > 0 || this.acknowledged >= acknowledged;
    await waitUntil(`${acknowledged} changes are acknowledged`, isSo, {
      intervalMs: 5,
      describe: () => `${this.acknowledged} are`,
    });
  }

  /** Works against `url` until the connection breaks or an answer is no success; resolves when every client ended. */
  async run(url: string): Promise<void> {
    const ended = this.#clients.map(async (client) => {
      const dav = new DavClient(url);
      const refusal = await client.work(dav, () => {
        this.acknowledged += 1;
      });
      dav.close();
      if (refusal) this.refusals.push(refusal);
    });
    await Promise.all(ended);
  }

  /** Every promise that was broken, in words; and settles what the changes under way came to. */
  async verify(url: string): Promise<string[]> {
    const dav = new DavClient(url);
    const findings = await Promise.all(this.#clients.map((client) => client.verify(dav)));
    dav.close();
    return findings.flat();
  }
}

class StormClient {
  readonly folder: string;
  readonly #chance: Chance;
  #files: Files = new Map();
  #pending: Change | undefined;
  #changes = 0;

  constructor(folder: string, seed: number) {
    this.folder = folder;
    this.#chance = new Chance(seed);
  }

  /** The refusal that ended it, if one did. */
  async work(dav: DavClient, acknowledge: () => void): Promise<string | undefined> {
    for (;;) {
      const change = this.#choose();
      this.#pending = change;
      try {
        const { status } = await send(dav, change);
        if (status < 200 || status > 299) return `${describe(change)} answered ${status}`;
      } catch {
        return undefined;
      }
      this.#files = applied(this.#files, change);
      this.#pending = undefined;
      acknowledge();
    }
  }

  #choose(): Change {
    const chance = this.#chance;
    const existing = [...this.#files.keys()];
    const slot = () => `${this.folder}/file ${chance.below(24)}.bin`;
    const kind = existing.length < 4 ? 0 : chance.next();
    if (kind < 0.6) return { kind: 'put', path: slot(), content: this.#newContent() };
    const path = chance.pick(existing);
    if (kind < 0.75) return { kind: 'delete', path };
    const target = slot();
    if (target === path) return { kind: 'delete', path };
    return { kind: kind < 0.9 ? 'move' : 'copy', path, target };
  }

  #newContent(): Content {
    const size = this.#chance.next();
    const sizeBytes =
      size < 0.05 ? 0 : size < 0.85 ? this.#chance.between(1, 200 * KiB) : this.#chance.between(MiB / 2, 3 * MiB);
    return { key: `${this.folder} ${++this.#changes}`, sizeBytes };
  }

  async verify(dav: DavClient): Promise<string[]> {
    const findings: string[] = [];
    const pending = this.#pending;
    const unsettled = pending ? affected(pending) : [];
    if (pending) findings.push(...(await this.#settle(dav, pending)));
    const names = await dav.list(`${this.folder}/`);
    const expected = [...this.#files.keys()].map((path) => path.slice(this.folder.length + 1));
    for (const name of names) if (!expected.includes(name)) findings.push(`${this.folder}/${name} should not be there`);
    for (const [path, content] of this.#files) {
      if (unsettled.includes(path)) continue;
      const problem = mismatch(await read(dav, path), content);
      if (problem) findings.push(`${path}, acknowledged as ${content.key}: ${problem}`);
    }
    return findings;
  }

  async #settle(dav: DavClient, pending: Change): Promise<string[]> {
    const after = applied(this.#files, pending);
    const differences: Record<'before' | 'after', string[]> = { before: [], after: [] };
    for (const path of affected(pending)) {
      const found = await read(dav, path);
      for (const [when, files] of [
        ['before', this.#files],
        ['after', after],
      ] as const) {
        const problem = mismatch(found, files.get(path));
        if (problem) differences[when].push(`${path}: ${problem}`);
      }
    }
    this.#pending = undefined;
    if (differences.before.length === 0) return [];
    this.#files = after;
    if (differences.after.length === 0) return [];
    const both = `neither absent (${differences.before.join('; ')}) nor whole (${differences.after.join('; ')})`;
    return [`unacknowledged ${describe(pending)}: ${both}`];
  }
}

function send(dav: DavClient, change: Change): Promise<{ status: number }> {
  if (change.kind === 'delete') return dav.send('DELETE', change.path);
  if (change.kind !== 'put') {
    return dav.send(change.kind.toUpperCase(), change.path, { headers: { Destination: dav.hrefOf(change.target) } });
  }
  const bytes = contentOf(change.content.key, change.content.sizeBytes);
  // Half of the clients' saves announce no length, as macOS does.
  const chunked = change.content.sizeBytes % 2 === 1;
  return dav.send('PUT', change.path, { body: chunked ? [bytes] : bytes });
}

function applied(files: Files, change: Change): Files {
  const after = new Map(files);
  if (change.kind === 'put') return after.set(change.path, change.content);
  const content = files.get(change.path);
  if (change.kind !== 'copy') after.delete(change.path);
  if (change.kind !== 'delete' && content) after.set(change.target, content);
  return after;
}

const affected = (change: Change): string[] => ('target' in change ? [change.path, change.target] : [change.path]);

const describe = (change: Change): string => `${change.kind} ${affected(change).join(' -> ')}`;

const read = (dav: DavClient, path: string): Promise<Buffer | Error | undefined> =>
  dav.get(path).catch((error: Error) => error);

/** undefined when `found` is exactly what was expected. */
function mismatch(found: Buffer | Error | undefined, expected: Content | undefined): string | undefined {
  if (found instanceof Error) return found.message;
  if (found === undefined) return expected ? 'is absent' : undefined;
  if (expected === undefined) return `is there with ${found.length} bytes`;
  if (found.length !== expected.sizeBytes) return `has ${found.length} bytes instead of ${expected.sizeBytes}`;
  return found.equals(contentOf(expected.key, expected.sizeBytes)) ? undefined : 'has wrong bytes';
}
