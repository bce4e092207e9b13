/** A closed index, changed behind its back. */

import { Database } from '../../src/meta/sqlite/binding.js';
import { openConnection } from '../../src/meta/sqlite/connection.js';
import { guardRows } from '../../src/meta/sqlite/row-sums.js';

/** As a disk would: what stands there does not match its checksums any more. `sql` names the tables `<name>_row`. */
export function damageIndex(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

/** As a mistake of the program would: with checksums. `sql` is one statement that names the table without `_row`. */
export function tamperWithIndex(file: string, sql: string): void {
  const connection = openConnection({ file, role: 'writer', durability: 'off' });
  guardRows(connection, 'writes');
  connection.prepare('SELECT set_row_totals(row_totals) FROM counters').get();
  connection.exec(sql.replace(/(UPDATE|FROM|INTO) (\w+)/, '$1 $2_row'));
  connection.exec('UPDATE counters_row SET row_totals = row_totals()');
  connection.close();
}
