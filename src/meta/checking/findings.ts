/** Sentences about what is wrong: at most some of a kind are named, the rest is counted. */

const namedPerKind = 20;

export function named(rows: Iterable<readonly unknown[]>, say: (row: readonly unknown[]) => string): string[] {
  const findings: string[] = [];
  let more = 0;
  for (const row of rows) {
    if (findings.length < namedPerKind) findings.push(say(row));
    else more += 1;
  }
  return more === 0 ? findings : [...findings, `... and ${more} more like the last`];
}
