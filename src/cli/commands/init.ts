/** `holdfast init`: makes a volume and its nodes. */
import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import { DriveError } from '../../core/errors.js';
import { shellWord } from '../../core/text/shell-word.js';
import {
  absolute,
  type CommandMaker,
  collect,
  directoryArgument,
  examples,
  jsonOption,
  wholeNumber,
} from '../command-frame.js';
import { exitCodes } from '../exit-codes.js';
import { formatCount, printable } from '../output/format.js';

interface InitOptions {
  readonly node?: readonly string[];
  readonly replicas: number;
  readonly name?: string;
  readonly json?: boolean;
}

const replicasLimit = 16;

export const initCommand: CommandMaker = (context, act) =>
  new Command('init')
    .description('make a new volume; every file is kept on several nodes')
    .argument(...directoryArgument)
    .option('--node <PATH>', 'a directory for copies, best on a disk of its own (repeat it)', collect)
    .option('--replicas <N>', 'copies of every file', wholeNumber(1, replicasLimit), 2)
    .option('--name <NAME>', 'the name that clients see (default: the last part of DIR)')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        ['holdfast init ~/drive --node /disk1/hold --node /disk2/hold', 'two disks, two copies'],
        ['holdfast init ~/drive --node /a --node /b --node /c --replicas 3', 'three copies'],
      ),
    )
    .action((operand: string, options: InitOptions) =>
      act(`make a volume at ${operand}`, options, async () => {
        const directory = absolute(context, operand);
        const nodes = requireNodes(options).map((node) => absolute(context, node));
        const { replicas } = options;
        const volume = await context.access.createVolume({ directory, nodes, replicas, name: options.name });
        const disks = await countDisks(nodes);
        const { terminal } = context;
        if (options.json) {
          terminal.printJson({ id: volume.id, name: volume.name, directory, nodes, replicas });
          return exitCodes.good;
        }
        terminal.print(`Made the volume ${printable(volume.name)} at ${directory}`);
        terminal.print(
          `${formatCount(replicas, 'copy', 'copies')} of every file on ${formatCount(nodes.length, 'node')}`,
        );
        if (disks < replicas) {
          terminal.print('');
          terminal.print('These nodes share a disk. That protects against a lost folder, not a lost disk.');
        }
        if (volume.availableBytes === 0) {
          terminal.print('');
          terminal.print(
            'Nothing can be saved yet: too little is free on these disks to keep so many copies. Make room',
          );
          terminal.print(`there, or add a larger disk: holdfast node add ${shellWord(operand)} PATH`);
        }
        terminal.print('');
        terminal.print(`Next:  holdfast serve ${shellWord(operand)}`);
        return exitCodes.good;
      }),
    );

function requireNodes({ node = [], replicas }: InitOptions): readonly string[] {
  if (node.length === 0) {
    throw new DriveError('USAGE', {
      message: 'a volume needs at least one node, a directory for the copies',
      hint: 'add --node PATH, best once for each disk',
    });
  }
  if (node.length < replicas) {
    const wanted = `${formatCount(replicas, 'copy', 'copies')} of every file need ${formatCount(replicas, 'node')}`;
    const given = node.length === 1 ? 'was given' : 'were given';
    throw new DriveError('USAGE', {
      message: `${wanted}, and ${formatCount(node.length, 'node')} ${given}`,
      hint: `add another --node PATH, or say --replicas ${node.length}`,
    });
  }
  return node;
}

/** File systems among the nodes: fewer than copies means that one disk can take every copy with it. */
async function countDisks(nodes: readonly string[]): Promise<number> {
  const stats = await Promise.all(nodes.map((node) => stat(node).catch(() => undefined)));
  return new Set(stats.map((found) => found?.dev)).size;
}
