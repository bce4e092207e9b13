import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openReal } from './sim-database.js';
import { foldWal, headerBytes, headerOfFolded, walBytesOf, withChecksum } from './wal-index.js';

describe('what SQLite writes beside a database', () => {
  it('is folded as SQLite folds it, also where pages were cut off', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-wal-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'a.db');
    const connection = openReal(path);
    context.after(() => connection.close());
    connection.pragma('wal_checkpoint(TRUNCATE)');
    copyFileSync(path, `${path}.begun`);
    connection.pragma('auto_vacuum = none');
    connection.exec('CREATE TABLE t (a); INSERT INTO t SELECT value FROM json_each(json_array(1, 2, 3))');
    connection.prepare('INSERT INTO t VALUES (?)').run('x'.repeat(100_000));
    connection.exec("DELETE FROM t WHERE a LIKE 'x%'; VACUUM");
    const header = readFileSync(`${path}-shm`).subarray(0, headerBytes);
    const wal = readFileSync(`${path}-wal`);
    assert.equal(walBytesOf(header), wal.length);
    const folded = foldWal(readFileSync(`${path}.begun`), wal, header);
    connection.pragma('wal_checkpoint(TRUNCATE)');
    assert.deepEqual(folded, readFileSync(path));
  });

  it('has a header of its own for each line, with the checksum that SQLite makes', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-wal-'));
    context.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'a.db');
    const connection = openReal(path);
    context.after(() => connection.close());
    connection.exec('CREATE TABLE t (a)');
    const header = readFileSync(`${path}-shm`).subarray(0, headerBytes);
    assert.deepEqual(withChecksum(Buffer.from(header)), header);
    const folded = headerOfFolded(header, 1);
    assert.equal(walBytesOf(folded), 0);
    assert.notDeepEqual(folded, headerOfFolded(header, 2));
    assert.deepEqual(withChecksum(Buffer.from(folded)), folded);
  });
});
