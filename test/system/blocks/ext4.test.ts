/** Random crash states of a recorded life of the drive, all disks ext4. */
import { test } from 'node:test';
import { laneOptions, runLane } from './tools/lane.js';

const states = Number(process.env.HOLDFAST_STATES ?? 160);

test(`${states} crash states on ext4: what was promised is there`, laneOptions, async (context) => {
  await runLane(context, ['ext4', 'ext4', 'ext4', 'ext4'], states);
});
