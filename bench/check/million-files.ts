/**
 * How long `check` takes for an index of many files, and the memory it needs:
 * `node dist/bench/check/million-files.js [FILES]`. The index is made synthetically: no node holds its bytes.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentChecksum } from '../../src/meta/content-checksum.js';
import type { MetaStore } from '../../src/meta/meta-store.js';
import { encodeOperation } from '../../src/meta/operation-codec.js';
import type { Operation } from '../../src/meta/operations.js';
import { openMetaStore } from '../../src/meta/sqlite-meta-store.js';
import type { ChunkPlace } from '../../src/segment/chunk-place.js';

const epoch = 'e'.repeat(16);
const nodes = ['a'.repeat(16), 'b'.repeat(16)];
const filesPerFolder = 100;
const filesPerSegment = 2_000;
const plainBytes = 30_000;
const recordBytes = plainBytes + 88;
const partLines = 2_000;

const segmentOf = (file: number): string =>
  `${epoch}-${(Math.floor(file / filesPerSegment) + 1).toString(16).padStart(8, '0')}`;
const chunkOf = (file: number): string => createHash('sha256').update(`chunk ${file}`).digest('hex');

function* operationsOf(files: number): Generator<Operation> {
  yield { o: 'volume', id: '0123456789abcdef', name: 'home', replicas: 2, created: 1 };
  for (const [index, id] of nodes.entries()) {
    yield { o: 'node', id, label: `node-${index}`, group: id, weight: 1, role: 'active', path: `/disk-${index}` };
  }
  yield {
    o: 'epoch',
    id: epoch,
    parent: null,
    lastSequence: 0,
    lastHash: '0'.repeat(64),
    members: nodes,
    time: 1,
    born: 1,
  };
  for (let file = 0; file < files; file += filesPerSegment) {
    const length = 64 + Math.min(filesPerSegment, files - file) * recordBytes;
    yield { o: 'data', segments: [{ id: segmentOf(file), nodes }] };
    yield { o: 'seal', segment: segmentOf(file), length, hash: chunkOf(-file) };
  }
  for (let file = 0; file < files; file += 1) {
    const chunks = [[chunkOf(file), plainBytes]] as const;
    yield { o: 'chunks', content: file + 1, first: 0, chunks };
    yield { o: 'content', id: file + 1, size: plainBytes, count: 1, checksum: contentChecksum(chunks) };
  }
  const folders = Math.ceil(files / filesPerFolder);
  for (let folder = 0; folder < folders; folder += 1) yield entry(folder + 2, 1, `folder ${folder}`, null);
  for (let file = 0; file < files; file += 1) {
    yield entry(folders + 2 + file, 2 + Math.floor(file / filesPerFolder), `file number ${file}.jpg`, file + 1);
  }
}

function entry(id: number, parent: number, name: string, content: number | null): Operation {
  const kind = content === null ? 'folder' : 'file';
  return { o: 'entry', id, parent, name, kind, content, created: 1, modified: 1, time: 1, born: 1 };
}

async function fill({ writer }: MetaStore, files: number): Promise<void> {
  let lines: string[] = [];
  const flush = async () => {
    await writer.loadCheckpoint({ operations: Buffer.from(lines.join('')) });
    lines = [];
  };
  for (const operation of operationsOf(files)) {
    if (lines.push(encodeOperation(operation)) >= partLines) await flush();
  }
  await flush();
  await writer.loadCheckpoint({ finish: { sequence: 1, hash: 'f'.repeat(64), epoch } });
  for (let first = 0; first < files; first += filesPerSegment) {
    const places: ChunkPlace[] = [];
    for (let file = first; file < Math.min(first + filesPerSegment, files); file += 1) {
      const offset = 64 + (file - first) * recordBytes;
      places.push({ chunk: chunkOf(file), segment: segmentOf(file), offset, recordBytes, plainBytes });
    }
    await writer.addPlaces(places);
  }
}

async function main(): Promise<void> {
  const files = Number(process.argv[2] ?? 1_000_000);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-check-bench-'));
  try {
    const file = process.argv[3] ?? join(folder, 'index.db');
    const meta = await openMetaStore({ file });
    if (meta.reader.tip() === undefined) await fill(meta, files);
    const before = process.memoryUsage().rss;
    let most = before;
    const sampling = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
    }, 50);
    const started = performance.now();
    const cpu = process.cpuUsage();
    const findings = await meta.check();
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    clearInterval(sampling);
    await meta.close();
    const { size } = await stat(file);
    console.log(
      JSON.stringify({
        files,
        indexMiB: Math.round(size / 2 ** 20),
        seconds: Number(seconds.toFixed(1)),
        cpuSeconds: Number(((user + system) / 1e6).toFixed(1)),
        rssBeforeMiB: Math.round(before / 2 ** 20),
        rssMostMiB: Math.round(most / 2 ** 20),
        findings: findings.slice(0, 5),
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
