/**
 * Invariants of the index that need no data read. Each finding is a sentence; at most some of a kind are named. Tables are
 * read from end to end, never looked up row by row: a million files take seconds.
 */
import type { Progress } from '../../core/progress.js';
import { decodeBatch } from '../../segment/journal-batch.js';
import { damagedIndex, isIndexDamage } from '../meta-store.js';
import { rootEntry } from '../operations.js';
import type { Tip } from '../rows.js';
import type { Connection } from '../sqlite/connection.js';
import { verifyAllRows } from '../sqlite/row-sums.js';
import { translateSqliteError } from '../sqlite/sqlite-errors.js';
import type { Totals } from '../tables/counter-table.js';
import { openTables, type Tables } from '../tables/tables.js';
import { checkChunkLists } from './chunk-lists.js';
import { named } from './findings.js';
import { questions } from './index-questions.js';
import { checkTree } from './tree-check.js';

export type OnProgress = (progress: Progress) => void;

/** Findings that begin so say that the file itself is damaged. */
export const indexFileFinding = 'index file: ';

/** Whether the file is a sound SQLite database, and each row as it was written; what stands there is the other check. */
export function checkIndexFile(connection: Connection): string[] {
  const damage = connection.pragma('quick_check(20)') as { quick_check: string }[];
  const findings = damage.flatMap((row) => (row.quick_check === 'ok' ? [] : [indexFileFinding + row.quick_check]));
  if (findings.length > 0) return findings;
  try {
    verifyAllRows(connection);
    return [];
  } catch (cause) {
    const error = translateSqliteError(cause);
    if (!isIndexDamage(error)) throw error;
    return [indexFileFinding + error.message];
  }
}

/**
 * For an index that was not closed in order: its parts may be of different moments. CORRUPT with the first finding; the
 * invariants are not asked about.
 */
export function verifyIndex(connection: Connection): void {
  const damage = connection.pragma('integrity_check(1)', { simple: true }) as string;
  if (damage !== 'ok') throw damagedIndex(damage);
  verifyAllRows(connection);
}

/** The same of an index that is in use, table by table: a thread that is to end must not have to go through all of them. */
export function readIndex(connection: Connection): void {
  verifyAllRows(connection);
  const tables = connection.prepare<[], string>("SELECT name FROM main.sqlite_schema WHERE type = 'table'").pluck();
  for (const table of tables.all()) {
    const damage = connection.pragma(`integrity_check('${table}')`, { simple: true }) as string;
    if (damage !== 'ok') throw damagedIndex(damage);
  }
}

export function checkIndex(connection: Connection, onProgress: OnProgress = () => undefined): string[] {
  connection.exec('BEGIN'); // One state for all questions.
  const tables = openTables(connection);
  const findings = totals(connection, tables);
  for (const [done, { sql, say }] of questions.entries()) {
    onProgress({ phase: 'asking the index', done, total: questions.length, unit: 'questions' });
    findings.push(...named(connection.prepare<[], unknown[]>(sql).raw().iterate(), say));
  }
  return [
    ...findings,
    ...checkTree(connection),
    ...checkChunkLists(connection, tables, onProgress),
    ...journalChain(tables),
  ];
}

/**
 * The least that must be true before anything is unlinked: as many references as the chunk lists make, as many living
 * bytes as the chunks have. One scan.
 */
export function checkSums(connection: Connection): string[] {
  const sums = connection
    .prepare<[], number[]>(
      `SELECT refs = (SELECT total(count) FROM content) AND live = (SELECT total(live_bytes) FROM segment)
       FROM (SELECT total(refs) AS refs, total(CASE WHEN refs > 0 THEN record_bytes END) AS live FROM chunk)`,
    )
    .raw();
  return sums.get()?.[0] === 1 ? [] : ['the references in the index do not add up'];
}

function totals(connection: Connection, { counters }: Tables): string[] {
  const noted = counters.stored();
  const actual = connection
    .prepare<[], Partial<Totals>>(
      `SELECT * FROM (SELECT count(*) FILTER (WHERE kind = 0) AS files,
              count(*) FILTER (WHERE kind = 1 AND id <> ${rootEntry}) AS folders,
              coalesce(sum(size), 0) AS logicalBytes FROM entry),
            (SELECT count(*) AS segments, coalesce(sum(live_bytes), 0) AS liveBytes,
              coalesce(sum(length), 0) AS storedBytes FROM segment)`,
    )
    .get()!;
  const wrong = Object.entries(actual).flatMap(([name, value]) =>
    noted[name as keyof Totals] === value
      ? []
      : [`total ${name}: ${noted[name as keyof Totals]} is noted, ${value} exist`],
  );
  return [...wrong, ...idsGivenTwice(connection, noted)];
}

/** An id above the highest that is noted as given would be given again. */
function idsGivenTwice(connection: Connection, { highestEntry, highestContent }: Totals): string[] {
  const highest = (sql: string) => connection.prepare<[], number | null>(sql).pluck().get() ?? 0;
  const entry = Math.max(highest('SELECT max(id) FROM entry'), highest('SELECT max(id) FROM past'));
  const content = highest('SELECT max(id) FROM content');
  return [
    ...(entry > highestEntry ? [`entry ${entry}: the highest id is noted as ${highestEntry}`] : []),
    ...(content > highestContent ? [`content ${content}: the highest id is noted as ${highestContent}`] : []),
  ];
}

/** Each kept batch names the one before it, and the last is the tip. */
function journalChain({ journal, nodes }: Tables): string[] {
  const tip = journal.tip();
  const findings: string[] = [];
  let last: Tip | undefined;
  for (const { bytes, ...head } of journal.all()) {
    const batch = decodeBatch(bytes);
    const isWhole = batch?.sequence === head.sequence && batch.hash === head.hash && batch.epoch === head.epoch;
    const follows =
      last === undefined || (batch?.previousHash === last.hash && batch.previousSequence === last.sequence);
    if (!isWhole) findings.push(`journal: the kept batch ${head.sequence} is damaged`);
    else if (!follows) findings.push(`journal: batch ${head.sequence} does not follow ${last?.sequence}`);
    last = head;
  }
  if (last !== undefined && (last.sequence !== tip?.sequence || last.hash !== tip.hash || last.epoch !== tip.epoch)) {
    findings.push(`journal: the last kept batch ${last.sequence} is not the tip ${tip?.sequence ?? 'of nothing'}`);
  }
  if (tip !== undefined && nodes.volume() === undefined) findings.push('the volume has a history but no settings');
  return findings;
}
