/** Invariants that are one question in SQL: each row that comes back is a finding. */
import { rootEntry, stagingEntry } from '../operations.js';

export interface Question {
  readonly sql: string;
  readonly say: (row: readonly unknown[]) => string;
}

export const questions: readonly Question[] = [
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
    sql: "SELECT id FROM entry WHERE kind <> 0 AND (kind <> 1 OR content IS NOT NULL OR size <> 0 OR etag <> '')",
    say: ([id]) => `entry ${id}: a folder that holds a content`,
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
    sql: `SELECT content.id, content.refs, coalesce(held, 0) AS actual FROM content LEFT JOIN
            (SELECT content, count(*) AS held FROM
              (SELECT content FROM entry WHERE kind = 0 UNION ALL SELECT content FROM past WHERE kind = 0)
             GROUP BY content) AS holders
            ON holders.content = content.id WHERE content.refs <> actual`,
    say: ([id, refs, actual]) => `content ${id}: ${refs} references are noted, ${actual} exist`,
  },
  {
    sql: `SELECT past.id, past.content FROM past WHERE kind = 0
          AND NOT EXISTS (SELECT 1 FROM content WHERE content.id = past.content AND checksum IS NOT NULL)`,
    say: ([id, content]) => `ended entry ${id}: its content ${content} is missing`,
  },
  {
    sql: 'SELECT past.id FROM past JOIN entry ON entry.id = past.id WHERE past.kind = 1 OR entry.kind = 1',
    say: ([id]) => `entry ${id}: a folder that has ended and is living`,
  },
  {
    sql: 'SELECT id, died, born FROM past WHERE died < born',
    say: ([id, died, born]) => `ended entry ${id}: it came at ${born} and ended at ${died}`,
  },
  {
    sql: `SELECT segment.id, offset FROM (SELECT segment AS number, offset FROM chunk WHERE segment IS NOT NULL
            GROUP BY segment, offset HAVING count(*) > 1) JOIN segment USING (number)`,
    say: ([id, offset]) => `segment ${id}: two chunks are said to lie at ${offset}`,
  },
  {
    sql: `SELECT segment.id FROM segment WHERE live_bytes > 0
          AND NOT EXISTS (SELECT 1 FROM replica WHERE replica.segment = number)`,
    say: ([id]) => `segment ${id}: holds living chunks and lies on no node`,
  },
  {
    sql: `SELECT id FROM segment LEFT JOIN
            (SELECT segment, sum(state = 0 AND NOT is_away) AS actual_good, sum(state <> 0 AND NOT is_away) AS actual_bad,
                    sum(is_away) AS actual_spare
             FROM (SELECT segment, state, coalesce(role = 'away', 0) AS is_away FROM replica LEFT JOIN node ON id = node)
             GROUP BY segment) ON segment = number
          WHERE good <> coalesce(actual_good, 0) OR bad <> coalesce(actual_bad, 0) OR spare <> coalesce(actual_spare, 0)`,
    say: ([id]) => `segment ${id}: the counts of its replicas are wrong`,
  },
  {
    sql: 'SELECT DISTINCT segment FROM replica WHERE NOT EXISTS (SELECT 1 FROM segment WHERE number = segment)',
    say: ([number]) => `segment number ${number}: has replicas and does not exist`,
  },
  {
    sql: 'SELECT DISTINCT node FROM replica WHERE NOT EXISTS (SELECT 1 FROM node WHERE id = node)',
    say: ([id]) => `node ${id}: holds replicas and is not in the table of nodes`,
  },
  {
    sql: `SELECT node.id, used_bytes, coalesce(held, 0) AS actual FROM node LEFT JOIN
            (SELECT node, sum(length) AS held FROM replica JOIN segment ON number = segment GROUP BY node) AS holding
            ON holding.node = node.id WHERE used_bytes <> actual`,
    say: ([id, noted, actual]) => `node ${id}: ${noted} used bytes are noted, ${actual} exist`,
  },
  {
    sql: `SELECT protection.entry FROM protection WHERE replicas < 1 OR replicas > 9
          OR (NOT EXISTS (SELECT 1 FROM entry WHERE id = protection.entry)
            AND NOT EXISTS (SELECT 1 FROM past WHERE id = protection.entry))`,
    say: ([entry]) => `entry ${entry}: its setting is wrong, or it does not exist`,
  },
  {
    sql: 'SELECT token, entry FROM dav_lock WHERE NOT EXISTS (SELECT 1 FROM entry WHERE id = dav_lock.entry)',
    say: ([token, entry]) => `lock ${token}: its entry ${entry} has ended`,
  },
  {
    sql: 'SELECT node FROM journaled WHERE NOT EXISTS (SELECT 1 FROM node WHERE id = node)',
    say: ([node]) => `node ${node}: has a journal and is not in the table of nodes`,
  },
  {
    sql: `SELECT id FROM epoch WHERE last_sequence >= sequence
          OR (parent IS NOT NULL AND parent NOT IN (SELECT id FROM epoch))`,
    say: ([id]) => `epoch ${id}: it does not follow its parent`,
  },
  {
    sql: 'SELECT epoch.id, value FROM epoch, json_each(members) WHERE value NOT IN (SELECT id FROM node)',
    say: ([id, node]) => `epoch ${id}: its member ${node} is not in the table of nodes`,
  },
];
