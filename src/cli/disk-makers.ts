/** The commands for nodes, for their comings and goings. */
import type { CommandMaker } from './command-frame.js';
import { doctorCommand } from './commands/doctor.js';
import { healCommand } from './commands/heal.js';
import { nodeAddCommand } from './commands/node-add.js';
import { nodeAwayCommand } from './commands/node-away.js';
import { nodeDrainCommand } from './commands/node-drain.js';
import { nodeLabelCommand } from './commands/node-label.js';
import { nodeListCommand } from './commands/node-list.js';
import { nodeRemoveCommand } from './commands/node-remove.js';
import { nodeReplaceCommand } from './commands/node-replace.js';
import { nodeSleepyCommand } from './commands/node-sleepy.js';
import { nodeWeightCommand } from './commands/node-weight.js';
import { notifyCommand } from './commands/notify.js';
import { rebalanceCommand } from './commands/rebalance.js';
import { unplugCommand } from './commands/unplug.js';

export const diskMakers: readonly CommandMaker[] = [
  unplugCommand,
  healCommand,
  rebalanceCommand,
  doctorCommand,
  notifyCommand,
];

export const nodeMakers: readonly CommandMaker[] = [
  nodeListCommand,
  nodeAddCommand,
  nodeDrainCommand,
  nodeRemoveCommand,
  nodeReplaceCommand,
  nodeAwayCommand,
  nodeSleepyCommand,
  nodeLabelCommand,
  nodeWeightCommand,
];
