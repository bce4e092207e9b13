/** What lies where, for people who replay a seed. */
import { BatchReader } from '../../src/segment/batch-reader.js';
import type { SimLife } from './sim-life.js';

export function describeDisks(life: SimLife, trace: (line: string) => void): void {
  for (const { path, disk } of life.machine.nodes) {
    for (const { path: name, file } of disk.files()) {
      trace(`  ${path}${name} ${file.sizeBytes} bytes`);
      if (!name.endsWith('.journal')) continue;
      for (const { sequence, previousSequence, operations } of new BatchReader().push(file.contents()))
        trace(`    ${sequence} after ${previousSequence}: ${operations.toString().trim().split('\n').join(' ')}`);
    }
  }
  for (const node of life.nodes.all) trace(`  node ${node.label} ${node.id} ${node.state}: ${node.reason}`);
  if (!life.engine) return;
  const { history, reader } = life.engine;
  trace(`  forked ${history.forked.join(' ')}; behind ${history.behind.join(' ')}; ${JSON.stringify(history.tip)}`);
  for (const segment of reader.segments('', 1_000)) trace(`  index: ${JSON.stringify(segment)}`);
}
