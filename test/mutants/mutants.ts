/**
 * The planted mistakes: each breaks one promise on which people's files depend, and some test must notice. `tests` are
 * asked in their order until one fails. A mutant whose `find` is not in the source any more has to be adapted.
 */
export interface Edit {
  /** Below src. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** Test files below test, without `.test.ts`. */
  readonly tests: readonly string[];
}

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
export const simulation = 'simulation/engine-simulation';

export const mutants: readonly Mutant[] = [
  {
    name: 'segments are not fsynced',
    edits: [
      edit(
        'store/write/segment-replica.ts',
        "      await this.#guard(() => store.sync('segments', fileName));",
        '      await this.#guard(async () => void [store, fileName]);',
      ),
    ],
    tests: [simulation],
  },
  {
    name: 'folders are not fsynced: new names are lost',
    edits: [edit('node/files/written-file.ts', '        await syncFolder();\n', '        void syncFolder;\n')],
    tests: [simulation],
  },
  {
    name: 'the journal is not fsynced',
    edits: [edit('store/journal/journal-writer.ts', "    await this.store.sync('journal', file.name);\n", '')],
    tests: [simulation],
  },
  {
    name: "answers before the journal's fsync",
    edits: [
      edit(
        'volume/commit/committer.ts',
        '    const journaled = await writeSet.append(',
        '    answer(jobs, prepared);\n    const journaled = await writeSet.append(',
      ),
    ],
    tests: [simulation],
  },
  {
    name: 'the data of a change is made durable after its journal record',
    edits: [
      edit(
        'volume/commit/committer.ts',
        '        this.enqueue(await this.withDurableData(jobs));',
        '        this.enqueue(jobs);\n        await this.withDurableData(jobs);',
      ),
    ],
    tests: ['volume/committer', simulation],
  },
  {
    name: 'a new epoch is not synced to the index before it serves',
    edits: [edit('volume/commit/epoch-writer.ts', 'data: [], full: true }', 'data: [], full: false }')],
    tests: ['volume/committer'],
  },
  {
    name: 'a segment is deleted before the batch that retires it',
    edits: [
      edit(
        'maintenance/cleaning/cleaner.ts',
        '    const pinned = segments.filter((segment) => this.host.isInUse(segment));\n',
        '    const pinned = segments.filter((segment) => this.host.isInUse(segment));\n    this.onRetired(segments);\n',
      ),
      edit(
        'maintenance/deletion/deletion-gate.ts',
        "    if (reader.chunksWithoutPlace(1).length > 0) return 'the place of a living chunk is not known';\n    if (row) {\n",
        '    if (row && row.liveBytes === 0) return undefined;\n    if (row) {\n',
      ),
    ],
    tests: ['maintenance/deletion', 'maintenance/cleaning'],
  },
  {
    name: 'copies are made from bytes that were not verified',
    edits: [
      edit(
        'store/read/verified-pieces.ts',
        '    verifyBlocks(head, { firstBlock: 0, lastBlock }, rest.subarray(head.headBytes, head.recordBytes));',
        '    void [verifyBlocks, lastBlock];',
      ),
      edit('store/read/segment-copy.ts', '  if (sum && sum.digest(', '  if (sum && !hash && sum.digest('),
    ],
    tests: ['maintenance/healer', 'store/segment-copy'],
  },
  {
    name: 'a short write counts as a whole one',
    edits: [
      edit(
        'core/system-file-io.ts',
        '      left = dropBytes(pending, count);',
        '      left = dropBytes(pending, Number.MAX_SAFE_INTEGER);',
      ),
    ],
    tests: ['core/system-file-io'],
  },
  {
    name: 'a failed fsync is tried again and then believed',
    edits: [
      edit(
        'node/files/written-file.ts',
        '        await handle.sync();\n',
        '        await handle.sync().catch(() => handle.sync());\n',
      ),
    ],
    tests: ['node/directory-node-store', simulation],
  },
  {
    name: 'a returning node is trusted as it is',
    edits: [
      edit(
        'volume/history/node-return.ts',
        "  let position = typeof start === 'number' ? start : checkpointed!;",
        '  let position = Math.max(host.reader.tip()!.sequence, checkpointed ?? 0);',
      ),
    ],
    tests: ['volume/node-return', simulation],
  },
  {
    name: 'folders are made where they are missing at a write',
    edits: [
      edit(
        'node/files/node-attachment.ts',
        "    if (mode === 'create') await this.#requireFolder(folder, attachment);\n",
        "    if (mode === 'create') {\n      await this.#io.makeFolder(this.root).catch(() => undefined);\n      await this.#io.makeFolder(this.folderPath(folder)).catch(() => undefined);\n    }\n",
      ),
    ],
    tests: ['node/directory-node-store', simulation],
  },
  {
    name: 'what a watcher reports as deleted is forgotten',
    edits: [
      edit(
        'maintenance/deletion/listing-check.ts',
        '    if (states.length > 0) await this.host.withWriter((writer) => writer.setReplicaStates(states));',
        "    for (const { segment } of states) {\n      const operations = [{ o: 'relocate', segment, nodes: this.host.reader.segment(segment)!.replicas.map((replica) => replica.node).filter((id) => id !== node.id) }] as const;\n      await this.host.submit({ kind: 'operations', principal: '', now: this.host.clock.now(), operations });\n    }",
      ),
    ],
    tests: ['maintenance/deletion', 'maintenance/pulled-node'],
  },
  {
    name: 'a listing that failed counts as an empty one',
    edits: [
      edit(
        'maintenance/deletion/listing-check.ts',
        "    const files = new Map((await node.store.list('segments')).map((file) => [file.name, file]));",
        "    const files = new Map((await node.store.list('segments').catch(() => [])).map((file) => [file.name, file]));",
      ),
      edit(
        'node/directory-node-store.ts',
        '    // A disk that left half way makes files look removed: then this is not a listing but a failure.\n    await this.#node.glance(attachment);\n',
        '    void attachment;\n',
      ),
    ],
    tests: ['node/directory-node-store', 'maintenance/deletion'],
  },
  {
    name: 'a record is not bound to its place',
    edits: [
      edit(
        'segment/record.ts',
        '    head.segment !== expected.segment ||\n    head.offset !== expected.offset ||\n    (expected.chunk',
        '    (expected.chunk',
      ),
      edit(
        'segment/record.ts',
        '(expected.chunk !== undefined && head.chunk !== expected.chunk) ||\n',
        'head.blocks.length === 0 ||\n',
      ),
    ],
    tests: ['segment/record', 'store/segment-reader', simulation],
  },
  {
    name: 'block checksums are not compared when reading',
    edits: [
      edit('segment/record.ts', '    if (crc32(stored) !== entry.crc32) throw', '    if (crc32(stored) < 0) throw'),
    ],
    tests: ['maintenance/damage', 'store/segment-reader'],
  },
  {
    name: 'the remaining copies are not verified before a deletion',
    edits: [
      edit(
        'maintenance/deletion/deletion-gate.ts',
        "      if (state === 'good') good += 1;",
        "      if (state === 'good' || state === 'damaged') good += 1;",
      ),
    ],
    tests: ['maintenance/deletion'],
  },
  {
    name: 'segments are lowered on old knowledge of what files need',
    edits: [
      edit(
        'meta/protection/resolve-protection.ts',
        '(stored.sealed === 0 || tables.needs.mayHaveRisen(stored.number, asOf))',
        '(stored.sealed === 0 || asOf < 0)',
      ),
    ],
    tests: ['maintenance/protection/planted-mistakes'],
  },
  {
    name: 'the gate takes the number of copies that a segment wants on trust',
    edits: [
      edit(
        'maintenance/deletion/deletion-gate.ts',
        "      if (row && needs.has(segment)) return 'files in it need more copies than it wants';",
        '      void needs;',
      ),
    ],
    tests: ['maintenance/protection/planted-mistakes'],
  },
  {
    name: 'segments that a running upload counts on are retired',
    edits: [edit('volume/engine.ts', '      this.segments.isPinned(segment) ||\n', '')],
    tests: ['maintenance/duplicates'],
  },
  {
    name: 'a late copy that failed is forgotten',
    edits: [
      edit(
        'volume/commit/data-copies.ts',
        '        if (nodes.length >= this.wantedCopies(chunk.wanted) || round >= roundLimit) continue;',
        '        if (nodes.length > 0) continue;',
      ),
    ],
    tests: ['volume/committer', 'drive/drive-life', simulation],
  },
  {
    name: 'the larger history wins, not the newer one',
    edits: [
      edit(
        'volume/history/history.ts',
        '    canServe(b) - canServe(a) || isWhole(b) - isWhole(a) || b.sequence - a.sequence',
        '    b.sequence - a.sequence',
      ),
      edit(
        'volume/history/history.ts',
        '  if (left.some((leaf) => left.some((other) => savedApartFrom(other, leaf)))) return undefined;\n',
        '',
      ),
    ],
    tests: ['volume/history', simulation],
  },
  {
    name: 'what can be read back of a journal counts as durable',
    edits: [
      edit(
        'volume/history/history.ts',
        '  if (known !== undefined) return Math.max(floor, Math.min(sequence, known));\n',
        '  if (heads.length > 0 || known !== undefined) return sequence;\n',
      ),
    ],
    tests: ['volume/node-return', 'volume/opening', simulation],
  },
  {
    name: 'a node is left in the write set after its journal failed',
    edits: [
      edit('volume/commit/committer.ts', '    if (journaled.failed.length > 0) await this.startEpoch(this.tip);\n', ''),
    ],
    tests: [simulation, 'volume/committer'],
  },
  {
    name: 'the passport is not looked at beside an fsync',
    edits: [
      edit(
        'node/files/written-file.ts',
        'Promise.all([makeDurable(), node.glance(attachment)])',
        'Promise.all([makeDurable(), attachment])',
      ),
    ],
    tests: ['node/directory-node-store'],
  },
  {
    name: 'answers of the index are remembered beyond a commit',
    edits: [
      edit('meta/writer/sqlite-writer.ts', 'this.#commits.during(() => this.#commit.run());', 'this.#commit.run();'),
    ],
    tests: ['meta/sqlite-meta-store'],
  },
  {
    name: 'a buffer is used again before its reader has all of it',
    edits: [
      edit(
        'webdav/methods/get.ts',
        '    const isTaken = response.write(bytes, (error) => {',
        '    readBuffers.giveBack(bytes);\n    const isTaken = response.write(bytes, (error) => {',
      ),
    ],
    tests: ['server/real-drive'],
  },
  {
    name: 'a rotten journal is mended with batches that may have been given up',
    edits: [
      edit(
        'store/journal/journal-repair.ts',
        'head.epoch === epoch && this.followers.has(head.hash)',
        'head.epoch === epoch',
      ),
    ],
    tests: ['store/journal/journal-repair'],
  },
  {
    name: 'a rotten journal is mended with batches that do not go on from those before',
    edits: [
      edit(
        'store/journal/journal-repair.ts',
        'return isJoined ? chain : undefined;',
        'void isJoined;\n    return chain;',
      ),
    ],
    tests: ['store/journal/journal-repair'],
  },
];
