/** Gives a command the volume: through the server that runs, else by opening it. Two processes never open one volume. */
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DriveError, hasCode } from '../core/errors.js';
import type { Drive, UserChange } from '../drive-contract.js';
import type { UserFacts } from '../server/control-protocol.js';
import type { CommandContext } from './command-context.js';
import { ControlClient } from './control-client.js';
import { remoteDisks, remoteNotices, remoteProofs } from './remote-disks.js';

export interface DriveLike
  extends Pick<
    Drive,
    | 'status'
    | 'check'
    | 'rehearse'
    | 'listAttics'
    | 'restoreFromAttics'
    | 'addNode'
    | 'removeNode'
    | 'disks'
    | 'notices'
    | 'proofs'
    | 'protection'
  > {
  readonly users: {
    list(): Promise<readonly UserFacts[]>;
    change(change: UserChange): Promise<void>;
  };
}

/** A short command that has the volume open is waited for; so is a server that is just starting. */
const patienceMs = 5_000;
const pauseMs = 100;

/** `directory` is absolute. */
export async function withDrive<T>(
  context: CommandContext,
  directory: string,
  use: (drive: DriveLike) => Promise<T>,
): Promise<T> {
  await requireFolder(directory);
  const giveUpAt = context.clock.monotonic() + patienceMs;
  for (;;) {
    const server = await findServer(context, directory);
    if (server) return use(remoteDrive(server.client));
    const drive = await openUnlessBusy(context, directory, giveUpAt);
    if (!drive) {
      await context.clock.sleep(pauseMs, { signal: context.stop });
      continue;
    }
    try {
      return await use(drive);
    } finally {
      await drive.close();
    }
  }
}

/** The server of the volume in `directory`; undefined when none runs. */
export function findServer(context: CommandContext, directory: string): ReturnType<typeof ControlClient.find> {
  return ControlClient.find(context.platform.controlAddress(directory));
}

/** NOT_FOUND with the next step, so that a mistyped DIR is never taken for a damaged volume. */
export async function requireFolder(directory: string): Promise<void> {
  const found = await stat(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (found?.isDirectory() && !(await isNode(directory))) return;
  const kind = found?.isDirectory() ? "one of a volume's nodes" : 'a file';
  throw new DriveError('NOT_FOUND', {
    message: found ? `${directory} is ${kind}, not a volume's directory` : `there is no volume at ${directory}`,
    hint: 'look at the spelling of DIR; "holdfast init DIR --node PATH" makes a new volume, "holdfast rebuild DIR --node PATH" brings one back from its nodes',
  });
}

/** A node given in place of the volume's directory would be called an empty folder, and `init` advised. */
function isNode(directory: string): Promise<boolean> {
  return access(join(directory, 'holdfast-node.json')).then(
    () => true,
    () => false,
  );
}

async function openUnlessBusy(
  context: CommandContext,
  directory: string,
  giveUpAt: number,
): Promise<Drive | undefined> {
  try {
    return await context.access.openDrive({ directory });
  } catch (error) {
    const busy = hasCode(error, 'IN_USE') && context.clock.monotonic() < giveUpAt && !context.stop.aborted;
    if (busy) return undefined;
    throw error;
  }
}

function remoteDrive(client: ControlClient): DriveLike {
  return {
    status: () => client.call('status', {}),
    check: ({ readData, ...options } = {}) => client.call('check', { readData }, options),
    rehearse: (options = {}) => client.call('rehearse', {}, options),
    listAttics: () => client.call('listAttics', {}),
    restoreFromAttics: ({ wanted, dryRun = false, signal }) =>
      client.call('restoreFromAttics', { wanted, dryRun }, { signal }),
    addNode: (options) => client.call('addNode', options),
    disks: remoteDisks(client),
    notices: remoteNotices(client),
    proofs: remoteProofs(client),
    users: {
      list: () => client.call('listUsers', {}),
      change: async (change) => {
        await client.call('changeUser', change);
      },
    },
    protection: {
      list: () => client.call('listProtection', {}),
      set: async (setting) => {
        await client.call('protect', setting);
      },
    },
    removeNode: async (options) => {
      await client.call('removeNode', options);
    },
  };
}
