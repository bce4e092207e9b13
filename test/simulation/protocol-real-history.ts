/**
 * Puts the engine's own decision (volume/history.ts) into the protocol model: the model's records become the heads
 * and epochs that the engine would read from the nodes and the index.
 */
import { DriveError } from '../../src/core/errors.js';
import type { EpochRow } from '../../src/meta/rows.js';
import type { BatchHead } from '../../src/store/journal/journal-reader.js';
import { decideHistory, type EpochRecord, type NodeHistory } from '../../src/volume/history/history.js';
import { type Decide, dropTail, refused } from './protocol-opening.js';
import { countNodes, type ProtocolWorld } from './protocol-world.js';

const genesis = '0'.repeat(64);
const hashOf = (record: number) => (record < 0 ? genesis : `h${record}`);
const recordOf = (hash: string) => (hash === genesis ? -1 : Number(hash.slice(1)));
const epochId = (record: number) => `e${record}`;
const nodeId = (node: number) => `n${node}`;
const noBytes = Buffer.alloc(0);

/** `rebuild.ts` refuses a minority when the index is gone; the opening itself does not. */
export const decideLikeTheEngine: Decide = (world, rules) => {
  const indexed = world.indexTip < 0 ? [] : world.path(-1, world.indexTip);
  if (world.present === 0) return refused('no node is here');
  if (indexed.length === 0 && countNodes(world.present) * 2 <= world.nodeCount) return refused('a minority is here');
  const nodes = [0, 1, 2, 3].filter((node) => world.present & (1 << node)).map((node) => historyOf(world, node));
  try {
    const history = decideHistory({
      tip: indexed.length === 0 ? undefined : { ...headOf(world, world.indexTip) },
      knownEpochs: indexed.filter((record) => world.isEpoch(record)).map((record) => epochRow(world, record)),
      keptHeads: indexed.map((record) => headOf(world, record)),
      nodes,
    });
    if (!history) return refused('no history');
    const end = recordOf(history.tip.hash);
    if (history.chain[0]?.previousHash !== genesis) return refused('a batch in the middle is on no node here');
    if (indexed.length > 0 && !history.indexOnChain) return refused('the index is off the chain');
    let refusedNodes = 0;
    let wronglyCurrent = 0;
    for (const [id, position] of history.positions) {
      const node = Number(id.slice(1));
      if (position.kind === 'forked') refusedNodes |= 1 << node;
      const lacks = world
        .path(-1, end)
        .some((r) => world.sequence[r]! <= position.sequence && !world.isHeldBy(r, node));
      if (lacks) wronglyCurrent |= 1 << node;
    }
    const tip = dropTail(world, rules, end) ? world.parent[end]! : end;
    return {
      open: true,
      epoch: recordOf(history.epoch.id),
      tip,
      others: history.dead.map((id) => Number(id.slice(1))),
      largestSequence: world.sequence[tip]!,
      refusedNodes,
      wronglyCurrent,
    };
  } catch (error) {
    if (error instanceof DriveError) return refused(error.message);
    throw error;
  }
};

function historyOf(world: ProtocolWorld, node: number): NodeHistory {
  const heads: BatchHead[] = [];
  const epochs: EpochRecord[] = [];
  for (let record = 0; record < world.recordCount; record++) {
    if (!world.isHeldBy(record, node)) continue;
    heads.push(headOf(world, record));
    if (world.isEpoch(record)) {
      const supersedes = world.supersedes[record]!.map(epochId);
      epochs.push({ ...epochRow(world, record), hash: hashOf(record), supersedes });
    }
  }
  return { node: nodeId(node), heads, epochs };
}

function headOf(world: ProtocolWorld, record: number): BatchHead {
  const parent = world.parent[record]!;
  return {
    sequence: world.sequence[record]!,
    previousSequence: parent < 0 ? 0 : world.sequence[parent]!,
    hash: hashOf(record),
    previousHash: hashOf(parent),
    epoch: epochId(world.epochOf[record]!),
    epochOperations: world.isEpoch(record) ? noBytes : null,
    file: '',
    offset: 0,
    lengthBytes: 0,
  };
}

function epochRow(world: ProtocolWorld, record: number): EpochRow {
  const parent = world.parent[record]!;
  return {
    id: epochId(record),
    parent: parent < 0 ? null : epochId(world.epochOf[parent]!),
    sequence: world.sequence[record]!,
    lastSequence: parent < 0 ? 0 : world.sequence[parent]!,
    lastHash: hashOf(parent),
    members: [0, 1, 2, 3].filter((node) => world.members[record]! & (1 << node)).map(nodeId),
  };
}
