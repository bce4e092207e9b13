/** Which history counts, decided from what present nodes and the index know. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hasCode } from '../../src/core/errors.js';
import type { EpochRow, Tip } from '../../src/meta/rows.js';
import { genesisHash } from '../../src/segment/journal-batch.js';
import type { BatchHead } from '../../src/store/journal/journal-reader.js';
import {
  decideHistory,
  type EpochRecord,
  type History,
  type NodeHistory,
  type NodePosition,
} from '../../src/volume/history/history.js';
import { withCode } from '../suites/index-driver.js';
import { SeededRandom } from '../support/seeded-random.js';

interface Batch extends BatchHead {
  readonly row: EpochRecord | undefined;
}

/** Batches by name; each knows the one that it stands on. */
class Story {
  readonly batches = new Map<string, Batch>();

  epoch(name: string, on: string | null, members: string, supersedes: readonly string[] = []): string {
    const before = on === null ? undefined : this.batches.get(on)!;
    const sequence = before ? before.sequence + 2 : 1;
    const row: EpochRecord = {
      id: name,
      parent: before?.epoch ?? null,
      sequence,
      lastSequence: before?.sequence ?? 0,
      lastHash: before?.hash ?? genesisHash,
      members: [...members],
      hash: name,
      supersedes,
    };
    return this.#add(name, sequence, before, name, row);
  }

  batch(name: string, on: string, gap = 1): string {
    const before = this.batches.get(on)!;
    return this.#add(name, before.sequence + gap, before, before.epoch, undefined);
  }

  node(id: string, held: readonly string[], more: Partial<NodeHistory> = {}): NodeHistory {
    const heads = held.map((name) => this.batches.get(name)!);
    return { node: id, heads, epochs: heads.flatMap((head) => head.row ?? []), ...more };
  }

  tip(name: string): Tip {
    const { sequence, hash, epoch } = this.batches.get(name)!;
    return { sequence, hash, epoch };
  }

  /** What an index knows that was replayed up to the batch. */
  epochsUpTo(name: string): EpochRow[] {
    const rows: EpochRow[] = [];
    for (const hash of this.path(name)) {
      const { row } = this.batches.get(hash)!;
      if (row) rows.push(row);
    }
    return rows;
  }

  /** From the first batch to this one. */
  path(name: string): string[] {
    const path: string[] = [];
    let at = this.batches.get(name);
    while (at) {
      path.unshift(at.hash);
      at = this.batches.get(at.previousHash);
    }
    return path;
  }

  decide(nodes: readonly NodeHistory[], index?: string, kept: readonly string[] = []): History | undefined {
    return decideHistory({
      tip: index === undefined ? undefined : this.tip(index),
      knownEpochs: index === undefined ? [] : this.epochsUpTo(index),
      keptHeads: kept.map((name) => this.batches.get(name)!),
      nodes,
    });
  }

  #add(name: string, sequence: number, before: Batch | undefined, epoch: string, row: EpochRecord | undefined): string {
    this.batches.set(name, {
      sequence,
      previousSequence: before?.sequence ?? 0,
      hash: name,
      previousHash: before?.hash ?? genesisHash,
      epoch,
      epochOperations: row ? Buffer.alloc(0) : null,
      file: '',
      offset: 0,
      lengthBytes: 0,
      row,
    });
    return name;
  }
}

/** Two members A and B; one, two, three; then perhaps more. */
function begun(members = 'AB'): Story {
  const story = new Story();
  story.epoch('e', null, members);
  story.batch('1', 'e');
  story.batch('2', '1');
  story.batch('3', '2');
  return story;
}

const kindOf = (history: History | undefined, node: string) => history?.positions.get(node)?.kind;

test('nothing anywhere is no history', () => {
  assert.equal(decideHistory({ tip: undefined, knownEpochs: [], keptHeads: [], nodes: [] }), undefined);
});

test('the longest chain among the present members is the history', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', ['e', '1', '2'])]);
  assert.equal(history?.tip.hash, '3');
  assert.deepEqual(
    history.chain.map((link) => link.hash),
    ['e', '1', '2', '3'],
  );
  assert.deepEqual(history.positions.get('B'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('one present member is enough', () => {
  const story = begun();
  assert.equal(story.decide([story.node('B', ['e', '1', '2', '3']), story.node('C', ['e'])])?.tip.hash, '3');
});

test('a follower that holds more than the members does not count', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2']), story.node('C', ['e', '1', '2', '3'])]);
  assert.equal(history?.tip.hash, '2');
  assert.deepEqual(history.positions.get('C'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('without a member of the newest epoch it can only be read, and the members are named', () => {
  const story = begun();
  assert.throws(
    () => story.decide([story.node('C', ['e', '1', '2', '3'])]),
    (error) => hasCode(error, 'READ_ONLY') && String(error.hint).includes('A, B'),
  );
});

test('epochs are compared by descent, never by length', () => {
  const story = begun();
  story.epoch('f', '1', 'B');
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', ['e', '1', 'f'])]);
  assert.equal(history?.tip.hash, 'f');
  assert.equal(kindOf(history, 'A'), 'forked');
});

test('one batch beyond the fork was never acknowledged', () => {
  for (const members of ['AB', 'A']) {
    const story = begun(members);
    story.epoch('f', '2', 'AB');
    const history = story.decide([story.node('A', ['e', '1', '2', '3', 'f']), story.node('B', ['e', '1', '2', 'f'])]);
    assert.equal(history?.tip.hash, 'f', members);
    assert.equal(kindOf(history, 'A'), 'on-chain', `of an epoch with members ${members}`);
  }
});

test('a batch that a follower alone took is left behind, also in an epoch with one member', () => {
  const story = begun('A');
  const history = story.decide([story.node('A', ['e', '1', '2']), story.node('B', ['e', '1', '2', '3'])]);
  assert.equal(history?.tip.hash, '2');
  assert.equal(kindOf(history, 'B'), 'on-chain');
});

for (const members of ['A', 'AD']) {
  test(`what was saved in an epoch of ${members} that the history does not stand on is refused`, () => {
    const story = begun();
    story.epoch('x', '3', members);
    story.batch('x1', 'x');
    story.epoch('f', '3', 'BC');
    const nodes = [
      story.node('A', ['e', '1', '2', '3', 'x', 'x1']),
      story.node('B', ['e', '1', '2', '3', 'f']),
      story.node('C', ['e', '1', '2', '3', 'f']),
    ];
    const history = story.decide(nodes, 'f');
    assert.equal(history?.tip.hash, 'f');
    assert.deepEqual(history.positions.get('A'), { kind: 'forked', sequence: 4, beyond: 1 });
  });
}

test('the epoch that the index serves decides between two children', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.epoch('f', '3', 'B');
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x']), story.node('B', ['e', '1', '2', '3', 'f'])];
  assert.equal(story.decide(nodes, 'f')?.tip.hash, 'f');
  assert.equal(story.decide(nodes, 'x')?.tip.hash, 'x');
  assert.deepEqual(story.decide(nodes, 'f')?.dead, ['x']);
});

test('where both children saved something, and no index tells which was served, it is refused', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.batch('x1', 'x');
  story.epoch('f', '3', 'B');
  story.batch('f1', 'f');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x', 'x1']), story.node('B', [...first, 'f', 'f1'])];
  assert.throws(() => story.decide(nodes), withCode('UNAVAILABLE'));
  assert.equal(story.decide(nodes, 'f')?.tip.hash, 'f1');
});

test('an epoch in which nothing was saved gives way to one in which something was', () => {
  const story = begun();
  story.epoch('x', '3', 'AC');
  story.epoch('f', '3', 'BD');
  story.batch('f1', 'f');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x']), story.node('B', [...first, 'f', 'f1'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f1');
});

test('an epoch of which no member is here may have saved what cannot be seen', () => {
  const story = begun();
  story.epoch('x', '3', 'A');
  story.epoch('f', '3', 'B');
  const first = ['e', '1', '2', '3'];
  const nodes = [story.node('A', [...first, 'x']), story.node('C', [...first, 'f'])];
  assert.throws(() => story.decide(nodes), withCode('READ_ONLY'));
});

test('an epoch that is not on all of its present members gives way to one that is', () => {
  const story = begun();
  story.epoch('x', '3', 'AB');
  story.epoch('f', '3', 'B');
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x']), story.node('B', ['e', '1', '2', '3', 'f'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f');
});

test('an attempt that the next one names does not compete', () => {
  const story = begun();
  story.epoch('x', '3', 'AC');
  story.epoch('f', '3', 'A', ['x']);
  const nodes = [story.node('A', ['e', '1', '2', '3', 'x', 'f']), story.node('B', ['e', '1', '2', '3'])];
  assert.equal(story.decide(nodes)?.tip.hash, 'f');
});

test('an index that is behind stands on the chain; one that is ahead is a witness', () => {
  const story = begun();
  const behind = story.decide([story.node('A', ['e', '1', '2', '3'])], '1');
  assert.deepEqual([behind?.tip.hash, behind?.indexOnChain], ['3', true]);
  const ahead = story.decide([story.node('A', ['e', '1', '2'])], '3', ['3']);
  assert.deepEqual([ahead?.tip.hash, ahead?.indexOnChain], ['3', true]);
  assert.deepEqual(ahead?.positions.get('A'), { kind: 'on-chain', sequence: 3, hash: '2' });
});

test('an index that holds what the history left behind is off the chain', () => {
  const story = begun();
  story.epoch('f', '2', 'A');
  assert.equal(story.decide([story.node('A', ['e', '1', '2', 'f'])], '3')?.indexOnChain, false);
});

test('a journal of which only later batches are read goes on from the index', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['2', '3'])], '2');
  assert.deepEqual([history?.tip.hash, history?.indexOnChain, history?.chain.length], ['3', true, 2]);
});

test('a node that lost its whole journal stands at nothing, not beyond a fork', () => {
  const story = begun();
  const history = story.decide([story.node('A', ['e', '1', '2', '3']), story.node('B', [])], '3');
  assert.deepEqual(history?.positions.get('B'), { kind: 'on-chain', sequence: 0, hash: genesisHash });
});

test('a damaged journal alone does not say where the history ends while a member is away', () => {
  const story = begun();
  const damaged = story.node('A', ['e', '1'], { damagedEpochs: ['e'] });
  assert.throws(
    () => story.decide([damaged]),
    (error) => hasCode(error, 'READ_ONLY') && String(error.hint).includes('B'),
  );
  assert.throws(() => story.decide([damaged], 'e'), withCode('READ_ONLY'), 'an index that is behind is no witness');
  assert.equal(story.decide([damaged], '3', ['2', '3'])?.tip.hash, '3', 'the index has it all');
  assert.equal(story.decide([damaged, story.node('B', ['e', '1', '2', '3'])])?.tip.hash, '3', 'a whole member has it');
  const whole = story.node('A', ['e', '1', '2', '3'], { damagedEpochs: [] });
  assert.equal(story.decide([whole])?.tip.hash, '3');
});

test('damage in files of an earlier epoch does not matter; a file of an unknown epoch does', () => {
  const story = begun();
  story.epoch('f', '3', 'AB');
  assert.equal(story.decide([story.node('A', ['e', '1', 'f'], { damagedEpochs: ['e'] })], 'f')?.tip.hash, 'f');
  const story2 = begun();
  assert.throws(
    () => story2.decide([story2.node('A', ['e', '1', '2', '3'], { damagedEpochs: ['unknown'] })]),
    withCode('READ_ONLY'),
  );
});

/**
 * A write set that saves, loses members, crashes and opens again with some of its nodes, by the rules of the design.
 * What was acknowledged must be in every history that is decided on.
 */
class Run {
  readonly random: SeededRandom;
  readonly story = new Story();
  readonly held = new Map<string, string[]>([...'ABCD'].map((node) => [node, []]));
  readonly refused = new Set<string>();
  acknowledged: string[] = [];
  index: string | undefined;
  tip = '';
  members: string[] = [];
  names = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.startEpoch(null, [...'ABCD'], this.random.integer(2) + 1);
  }

  startEpoch(on: string | null, nodes: readonly string[], count: number, dead: readonly string[] = []): boolean {
    const members = [...nodes].sort(() => this.random.integer(3) - 1).slice(0, count);
    const name = this.story.epoch(`e${this.names++}`, on, members.join(''), dead);
    const reached = members.filter(() => on === null || this.random.integer(8) > 0);
    for (const node of reached) this.held.get(node)!.push(name);
    if (reached.length < members.length) return false; // A crash during the epoch.
    this.members = members;
    this.tip = name;
    this.index = name;
    for (const node of nodes) if (!members.includes(node) && this.random.integer(2)) this.held.get(node)!.push(name);
    return true;
  }

  /** A batch; false when the process crashed before it was acknowledged. */
  save(): boolean {
    const name = this.story.batch(`b${this.names++}`, this.tip);
    const reached = this.members.filter(() => this.random.integer(6) > 0);
    for (const node of reached) this.held.get(node)!.push(name);
    if (reached.length < this.members.length) {
      // It goes forward on the members that have it, with a new epoch before it is acknowledged; or the process ends.
      if (reached.length === 0 || this.random.integer(2) === 0 || !this.startEpoch(name, reached, 2)) return false;
      this.acknowledged.push(name);
      return true;
    }
    this.tip = name;
    if (this.random.integer(4) > 0 || this.index === undefined) this.index = name;
    this.acknowledged.push(name);
    for (const [node, held] of this.held) {
      const isCurrent = held.at(-1) === this.story.batches.get(name)!.previousHash;
      if (!this.members.includes(node) && isCurrent && this.random.integer(3)) held.push(name);
    }
    return true;
  }

  /** False when it was refused, or ended by a crash. */
  open(): boolean {
    const present = [...'ABCD'].filter((node) => !this.refused.has(node) && this.random.integer(4) > 0);
    const hasIndex = this.index !== undefined && this.random.integer(4) > 0;
    // A rebuild demands more than half of the nodes; what it can know is promised while one newest member is there.
    if (!hasIndex && (present.length < 3 || !present.some((node) => this.members.includes(node)))) return false;
    const nodes = present.map((node) => this.story.node(node, this.held.get(node)!));
    let history: History | undefined;
    try {
      history = this.story.decide(
        nodes,
        hasIndex ? this.index : undefined,
        hasIndex ? this.story.path(this.index!) : [],
      );
    } catch (error) {
      assert.ok(hasCode(error, 'READ_ONLY', 'UNAVAILABLE'), String(error));
      return false;
    }
    assert.ok(history, 'there is a history');
    const path = this.story.path(history.tip.hash);
    for (const name of this.acknowledged)
      assert.ok(path.includes(name), `${name} was acknowledged and is not in the history`);
    // An index that replayed what nobody was promised may be left behind: it is rebuilt.
    if (!history.indexOnChain) this.index = undefined;
    for (const node of present) {
      const position: NodePosition = history.positions.get(node)!;
      assert.equal(position.kind, 'on-chain', `${node} is no fork`);
      const missing = path.filter((name) => this.story.batches.get(name)!.sequence > position.sequence);
      const held = this.held.get(node)!;
      for (const name of missing) held.push(name);
      for (const name of path) assert.ok(held.includes(name), `${node} lacks ${name} after it was levelled`);
    }
    if (this.random.integer(2)) this.index = history.tip.hash;
    if (!this.startEpoch(history.tip.hash, present, 2, history.dead)) return false;
    // From here on clients see it.
    this.acknowledged = path.filter((name) => !this.story.batches.get(name)!.row);
    return true;
  }

  go(steps: number): void {
    let isRunning = true;
    for (let step = 0; step < steps; step += 1) {
      while (isRunning && this.random.integer(4) > 0) isRunning = this.save();
      isRunning = this.open();
    }
  }
}

test('whatever crashes, no acknowledged batch is lost and no node is refused', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      new Run(seed).go(8);
    }),
    { numRuns: 1_500 },
  );
});
