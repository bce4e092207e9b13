/** Names below a sentence, as many as fit, and how many more there are. */
import { printable } from './format.js';

export function pathList(
  paths: readonly string[],
  { count = paths.length, shown = paths.length, indent = 2, more = '' } = {},
): string[] {
  const margin = ' '.repeat(indent);
  const lines = paths.slice(0, shown).map((path) => margin + printable(path));
  const left = count - lines.length;
  return left > 0 ? [...lines, `${margin}and ${left} more${more}`] : lines;
}
