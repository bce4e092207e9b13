/** The tree of entries: every folder hangs below the root, and every name stands under its key. */
import { checkName, nameKey } from '../name-key.js';
import { rootEntry, stagingEntry } from '../operations.js';
import type { Connection } from '../sqlite/connection.js';
import { named } from './findings.js';

export function checkTree(connection: Connection): string[] {
  const folders = connection.prepare<[], [number, number]>('SELECT id, parent FROM entry WHERE kind = 1').raw();
  const parents = new Map(folders.iterate() as Iterable<[number, number]>);
  // What lies below an ended folder is ended step by step.
  const ended = new Set(connection.prepare<[], number>('SELECT id FROM past WHERE kind = 1').pluck().iterate());
  return [...unreachable(parents, ended), ...homeless(connection, parents, ended), ...wrongNames(connection)];
}

/** Folders from which no way leads up: memory for two numbers a folder. */
function unreachable(parents: ReadonlyMap<number, number>, ended: ReadonlySet<number>): string[] {
  const reached = new Set<number>([rootEntry, stagingEntry]);
  const lost = new Set<number>();
  for (const folder of parents.keys()) {
    const way: number[] = [];
    let at: number | undefined = folder;
    while (at !== undefined && !reached.has(at) && !ended.has(at) && !lost.has(at)) {
      way.push(at);
      lost.add(at); // Met again on the way up, it is a ring.
      at = parents.get(at);
    }
    const leadsUp = at !== undefined && (reached.has(at) || ended.has(at));
    for (const step of way) {
      if (!leadsUp) continue;
      lost.delete(step);
      reached.add(step);
    }
  }
  return named(
    [...lost].filter((id) => parents.has(id)).map((id) => [id]),
    ([id]) => `entry ${id}: no way leads from this folder to the root`,
  );
}

function homeless(connection: Connection, parents: ReadonlyMap<number, number>, ended: ReadonlySet<number>): string[] {
  const used = connection.prepare<[], number>('SELECT DISTINCT parent FROM entry').pluck().all();
  const missing = used.filter((id) => id !== stagingEntry && !parents.has(id) && !ended.has(id));
  return named(
    missing.map((parent) => [parent, connection.prepare('SELECT id FROM entry WHERE parent = ?').pluck().get(parent)]),
    ([parent, id]) => `entry ${id}: its folder ${parent} does not exist`,
  );
}

function wrongNames(connection: Connection): string[] {
  const suspicious = connection
    .prepare<[number], [number, string, string]>(
      `SELECT id, name, key FROM entry WHERE id <> ?
       AND (key <> name OR name GLOB '*[^ -~]*' OR name IN ('', '.', '..') OR instr(name, '/') OR length(name) > 60)`,
    )
    .raw();
  return named(wrongOf(suspicious.iterate(rootEntry)), ([id, problem]) => `entry ${id}: ${problem}`);
}

function* wrongOf(rows: Iterable<[number, string, string]>): Generator<[number, string]> {
  for (const [id, name, key] of rows) {
    if (nameKey(name) !== key) yield [id, 'its name does not stand under its key'];
    else {
      try {
        checkName(name);
      } catch (error) {
        yield [id, `its name is not valid: ${(error as Error).message}`];
      }
    }
  }
}
