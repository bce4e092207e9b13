/** Compares two states written as operations in key order: equal states have equal lines. Pure. */

export interface StateDifferences {
  readonly lines: number;
  /** Lines that only one of the two has; a changed row counts twice. */
  readonly differences: number;
  /** The first of them, each beginning with `index: ` or `nodes: `. */
  readonly examples: readonly string[];
}

const shownExamples = 5;
const exampleLength = 300;

/** What only one has is found by setting aside lines until the other one has them too. Memory: the lines that differ. */
export async function compareStates(
  index: AsyncIterable<string>,
  nodes: AsyncIterable<string>,
): Promise<StateDifferences> {
  const left = index[Symbol.asyncIterator]();
  const right = nodes[Symbol.asyncIterator]();
  const open = new Map<string, 'index' | 'nodes'>();
  let lines = 0;
  for (;;) {
    const [a, b] = [await left.next(), await right.next()];
    if (a.done && b.done) break;
    lines += 1;
    if (!a.done && !b.done && a.value === b.value) continue;
    if (!a.done) meet(open, a.value, 'index');
    if (!b.done) meet(open, b.value, 'nodes');
  }
  const examples = [...open]
    .slice(0, shownExamples)
    .map(([line, side]) => `${side}: ${line.length > exampleLength ? `${line.slice(0, exampleLength)}…` : line}`);
  return { lines, differences: open.size, examples };
}

function meet(open: Map<string, 'index' | 'nodes'>, line: string, side: 'index' | 'nodes'): void {
  const other = open.get(line);
  if (other !== undefined && other !== side) open.delete(line);
  else open.set(line, side);
}

/** Whole lines of pieces that end with a line. */
export async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const piece of pieces) {
    const lines = piece.toString('utf8').split('\n');
    // What stands behind the last line break is empty.
    lines.pop();
    yield* lines;
  }
}
