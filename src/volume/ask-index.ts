/** Questions to an index that may turn out to be damaged while it is asked. */
import { isIndexDamage } from '../meta/meta-store.js';

/**
 * An index that is damaged gives no answer; it is made anew from the nodes, and what was asked is asked again.
 * UNAVAILABLE when that takes longer than a request may wait.
 */
export async function askIndex<E, T>(current: () => Promise<E>, query: (engine: E) => T): Promise<T> {
  const engine = await current();
  try {
    return query(engine);
  } catch (error) {
    if (!isIndexDamage(error)) throw error;
  }
  return query(await current());
}
