/** Invariants of the index that need no data read. Each finding is a sentence; at most some of a kind are named. */

import { decodeBatch } from '../../segment/journal-batch.js';
import { checksumOfPages, chunksPerPage, pageDigest, referenceBytes } from '../content-checksum.js';
import { rootEntry, stagingEntry } from '../operations.js';
import type { Tip } from '../rows.js';
import type { Totals } from '../tables/counter-table.js';
import { openTables, type Tables } from '../tables/tables.js';
import type { Connection } from './connection.js';

/** Findings of one kind; the rest is counted. */
const namedPerKind = 20;

export function checkIndex(connection: Connection): string[] {
  connection.exec('BEGIN'); // One state for all questions.
  const damage = connection.pragma('quick_check(20)') as { quick_check: string }[];
  const findings = damage.map((row) => row.quick_check).filter((text) => text !== 'ok');
  if (findings.length > 0) return findings.map((text) => `index file: ${text}`);
  const tables = openTables(connection);
  return [
    ...totals(connection, tables),
    ...questions.flatMap(({ sql, say }) => named(connection.prepare(sql).raw().all() as unknown[][], say)),
    ...named(damagedContents(tables), ([id]) => `content ${id}: the chunk list does not match its checksum`),
    ...chunkReferences(connection, tables),
    ...journalChain(tables),
  ];
}

interface Question {
  /** A row is a finding. */
  readonly sql: string;
  readonly say: (row: readonly unknown[]) => string;
}

const questions: readonly Question[] = [
  {
    sql: `SELECT id, parent FROM entry WHERE id <> ${rootEntry} AND parent <> ${stagingEntry}
          AND NOT EXISTS (SELECT 1 FROM entry AS above WHERE above.id = entry.parent AND above.kind = 1)
          AND NOT EXISTS (SELECT 1 FROM past WHERE past.id = entry.parent AND past.kind = 1)`,
    say: ([id, parent]) => `entry ${id}: its folder ${parent} does not exist`,
  },
  {
    sql: `SELECT id, name FROM entry WHERE parent = ${stagingEntry} AND id <> ${rootEntry}`,
    say: ([id]) => `entry ${id}: left behind by a copy that was not attached`,
  },
  {
    sql: `SELECT entry.id, entry.content FROM entry LEFT JOIN content ON content.id = entry.content
          WHERE kind = 0 AND (content.id IS NULL OR content.checksum IS NULL OR content.size <> entry.size
            OR substr(content.checksum, 1, 32) <> entry.etag)`,
    say: ([id, content]) => `entry ${id}: its content ${content} is missing or differs in size or ETag`,
  },
  {
    sql: `SELECT id, has_properties FROM entry
          WHERE has_properties <> EXISTS (SELECT 1 FROM property WHERE property.entry = entry.id)`,
    say: ([id, flag]) => `entry ${id}: ${flag ? 'is said to have properties and has none' : 'has properties unseen'}`,
  },
  {
    sql: `SELECT DISTINCT property.entry FROM property WHERE NOT EXISTS (SELECT 1 FROM entry WHERE id = property.entry)
          AND NOT EXISTS (SELECT 1 FROM past WHERE id = property.entry)`,
    say: ([id]) => `properties of entry ${id}, which does not exist`,
  },
  {
    sql: `SELECT content.id, content.refs,
            (SELECT count(*) FROM past WHERE past.content = content.id) + coalesce(living.held, 0) AS actual
          FROM content LEFT JOIN (SELECT content AS id, count(*) AS held FROM entry GROUP BY content) AS living
            ON living.id = content.id
          WHERE content.refs <> actual`,
    say: ([id, refs, actual]) => `content ${id}: ${refs} references are noted, ${actual} exist`,
  },
  {
    sql: `SELECT past.id, past.content FROM past WHERE kind = 0
          AND NOT EXISTS (SELECT 1 FROM content WHERE content.id = past.content)`,
    say: ([id, content]) => `ended entry ${id}: its content ${content} is missing`,
  },
  {
    sql: `SELECT segment.id, live_bytes,
            (SELECT coalesce(sum(record_bytes), 0) FROM chunk WHERE segment = number AND refs > 0) AS actual
          FROM segment WHERE live_bytes <> actual`,
    say: ([id, noted, actual]) => `segment ${id}: ${noted} living bytes are noted, ${actual} exist`,
  },
  {
    sql: `SELECT segment.id, length, max(offset + record_bytes) AS reach FROM chunk JOIN segment ON number = segment
          WHERE refs > 0 GROUP BY number HAVING reach > length`,
    say: ([id, length, reach]) => `segment ${id}: chunks reach to ${reach}, beyond its length ${length}`,
  },
  {
    sql: `SELECT lower(hex(id)), segment FROM chunk
          WHERE segment IS NOT NULL AND NOT EXISTS (SELECT 1 FROM segment WHERE number = chunk.segment)`,
    say: ([id]) => `chunk ${id}: its segment does not exist`,
  },
  {
    sql: 'SELECT lower(hex(id)) FROM chunk WHERE segment IS NULL AND refs > 0',
    say: ([id]) => `chunk ${id}: its place is not known`,
  },
  {
    sql: `SELECT segment.id FROM segment WHERE live_bytes > 0
          AND NOT EXISTS (SELECT 1 FROM replica WHERE replica.segment = number)`,
    say: ([id]) => `segment ${id}: holds living chunks and lies on no node`,
  },
  {
    sql: `SELECT id FROM segment WHERE good <> (SELECT count(*) FROM replica WHERE segment = number AND state = 0)
          OR bad <> (SELECT count(*) FROM replica WHERE segment = number AND state <> 0)`,
    say: ([id]) => `segment ${id}: the counts of its replicas are wrong`,
  },
  {
    sql: 'SELECT DISTINCT node FROM replica WHERE NOT EXISTS (SELECT 1 FROM node WHERE id = node)',
    say: ([id]) => `node ${id}: holds replicas and is not in the table of nodes`,
  },
  {
    sql: `SELECT node.id, used_bytes, (SELECT coalesce(sum(length), 0) FROM replica JOIN segment ON number = segment
            WHERE replica.node = node.id) AS actual FROM node WHERE used_bytes <> actual`,
    say: ([id, noted, actual]) => `node ${id}: ${noted} used bytes are noted, ${actual} exist`,
  },
  {
    sql: 'SELECT token, entry FROM dav_lock WHERE NOT EXISTS (SELECT 1 FROM entry WHERE id = dav_lock.entry)',
    say: ([token, entry]) => `lock ${token}: its entry ${entry} has ended`,
  },
];

function totals(connection: Connection, { counters }: Tables): string[] {
  const noted = counters.stored();
  const actual = connection
    .prepare<[], Partial<Totals>>(
      `SELECT (SELECT count(*) FROM entry WHERE kind = 0) AS files,
              (SELECT count(*) FROM entry WHERE kind = 1 AND id <> ${rootEntry}) AS folders,
              (SELECT coalesce(sum(size), 0) FROM entry) AS logicalBytes,
              (SELECT count(*) FROM segment) AS segments,
              (SELECT coalesce(sum(live_bytes), 0) FROM segment) AS liveBytes,
              (SELECT coalesce(sum(length), 0) FROM segment) AS storedBytes`,
    )
    .get()!;
  return Object.entries(actual).flatMap(([name, value]) =>
    noted[name as keyof Totals] === value
      ? []
      : [`total ${name}: ${noted[name as keyof Totals]} is noted, ${value} exist`],
  );
}

function* damagedContents({ contents }: Tables): Generator<[id: number]> {
  for (const content of contents.all()) {
    const pages: Buffer[] = [];
    const noted = contents.digests(content.id);
    let count = 0;
    for (let number = 0; number * chunksPerPage < content.chunkCount; number += 1) {
      const page = contents.page(content.id, number) ?? Buffer.alloc(0);
      pages.push(pageDigest(page));
      count += page.length / referenceBytes;
    }
    const { sizeBytes, chunkCount, checksum } = content;
    const computed = checksumOfPages({ sizeBytes, count: chunkCount, pages }).toString('hex');
    const differs = noted.length !== pages.length || noted.some((digest, number) => !digest.equals(pages[number]!));
    if (differs || count !== chunkCount || (checksum !== null && checksum !== computed)) yield [content.id];
  }
}

/** Counts every reference of every chunk list; needs memory for one number a chunk. */
function chunkReferences(connection: Connection, { contents }: Tables): string[] {
  const counted = new Map<string, number>();
  for (const [, page] of contents.pages()) {
    for (let at = 0; at < page.length; at += referenceBytes) {
      const id = page.toString('latin1', at, at + 32);
      counted.set(id, (counted.get(id) ?? 0) + 1);
    }
  }
  const wrong: unknown[][] = [];
  for (const [id, refs] of connection.prepare<[], [Buffer, number]>('SELECT id, refs FROM chunk').raw().iterate()) {
    const key = id.toString('latin1');
    const actual = counted.get(key) ?? 0;
    counted.delete(key);
    if (refs !== actual) wrong.push([id.toString('hex'), refs, actual]);
  }
  for (const [key, actual] of counted) wrong.push([Buffer.from(key, 'latin1').toString('hex'), 0, actual]);
  return named(wrong, ([id, refs, actual]) => `chunk ${id}: ${refs} references are noted, ${actual} exist`);
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

function named(rows: Iterable<readonly unknown[]>, say: (row: readonly unknown[]) => string): string[] {
  const findings: string[] = [];
  let more = 0;
  for (const row of rows) {
    if (findings.length < namedPerKind) findings.push(say(row));
    else more += 1;
  }
  return more === 0 ? findings : [...findings, `... and ${more} more like the last`];
}
