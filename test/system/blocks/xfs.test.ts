/** Random crash states of a recorded life of the drive, the index and one node on XFS. */
import { test } from 'node:test';
import { laneOptions, runLane } from './tools/lane.js';

const states = Number(process.env.HOLDFAST_STATES ?? 160);

test(`${states} crash states on XFS and ext4: what was promised is there`, laneOptions, async (context) => {
  await runLane(context, ['xfs', 'ext4', 'xfs', 'ext4'], states);
});
