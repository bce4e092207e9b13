/** The control methods for a volume's nodes and notices: parameters, results, and what is done with the drive. */
import { DriveError } from '../core/errors.js';
import type { Drive } from '../drive-contract.js';
import type { DiskCommands, Following } from '../drive-disks.js';
import type { Fields } from './control-parameters.js';
import type { NoParameters } from './control-protocol.js';

/** Paths are absolute. */
export interface DiskMethods {
  describeNode: Method<Parameters<DiskCommands['describe']>[0], NoParameters>;
  drainNode: Disk<'drain'>;
  replaceNode: Disk<'replace'>;
  keepAway: Method<Parameters<DiskCommands['away']>[0], NoParameters>;
  letSleep: Method<Parameters<DiskCommands['sleep']>[0], NoParameters>;
  unplug: Disk<'unplug'>;
  stay: Method<Parameters<DiskCommands['stay']>[0], NoParameters>;
  heal: Disk<'heal'>;
  rebalance: Disk<'rebalance'>;
  examine: Method<NoParameters, Awaited<ReturnType<DiskCommands['examine']>>>;
  describeNotices: Method<NoParameters, { readonly target: string | null }>;
  setNotices: Method<NoticeParameters, NoParameters>;
  testNotices: Method<NoParameters, NoParameters>;
}

interface Method<P, R> {
  readonly parameters: P;
  readonly result: R;
}

type Disk<M extends 'drain' | 'replace' | 'unplug' | 'heal' | 'rebalance'> = Method<
  Omit<Parameters<DiskCommands[M]>[0], keyof Following>,
  Awaited<ReturnType<DiskCommands[M]>>
>;

/** At most one of the two; none: notices go nowhere. */
export interface NoticeParameters {
  readonly command?: readonly string[] | undefined;
  readonly webhook?: string | undefined;
}

type DiskMethod = keyof DiskMethods;

export const diskParsers: { readonly [M in DiskMethod]: (fields: Fields) => DiskMethods[M]['parameters'] } = {
  describeNode: (fields) => ({
    node: fields.required('node', 'string'),
    label: fields.optional('label', 'string'),
    weight: fields.optional('weight', 'number'),
  }),
  drainNode: (fields) => ({
    node: fields.required('node', 'string'),
    cancel: fields.required('cancel', 'boolean'),
    wait: fields.required('wait', 'boolean'),
  }),
  replaceNode: (fields) => ({
    node: fields.required('node', 'string'),
    path: fields.path('path'),
    lost: fields.required('lost', 'boolean'),
    wait: fields.required('wait', 'boolean'),
  }),
  keepAway: (fields) => ({
    node: fields.required('node', 'string'),
    everyMs: fields.optional('everyMs', 'number') ?? null,
  }),
  letSleep: (fields) => ({
    node: fields.required('node', 'string'),
    maySleep: fields.required('maySleep', 'boolean'),
  }),
  unplug: (fields) => ({
    nodes: fields.names('nodes') ?? [],
    forMs: fields.required('forMs', 'number'),
    dryRun: fields.required('dryRun', 'boolean'),
    wait: fields.optional('wait', 'boolean') ?? false,
  }),
  stay: (fields) => ({ nodes: fields.names('nodes') ?? [] }),
  heal: (fields) => ({ dryRun: fields.required('dryRun', 'boolean') }),
  rebalance: (fields) => ({ dryRun: fields.required('dryRun', 'boolean') }),
  examine: () => ({}),
  describeNotices: () => ({}),
  setNotices: (fields) => ({ command: fields.names('command'), webhook: fields.optional('webhook', 'string') }),
  testNotices: () => ({}),
};

interface DiskCall extends Required<Following> {
  readonly drive: Pick<Drive, 'disks' | 'notices'>;
}

export const diskHandlers: {
  readonly [M in DiskMethod]: (
    parameters: DiskMethods[M]['parameters'],
    call: DiskCall,
  ) => Promise<DiskMethods[M]['result']>;
} = {
  describeNode: async (parameters, { drive }) => {
    await drive.disks.describe(parameters);
    return {};
  },
  drainNode: (parameters, { drive, ...following }) => drive.disks.drain({ ...parameters, ...onlyFollowing(following) }),
  replaceNode: (parameters, { drive, ...following }) =>
    drive.disks.replace({ ...parameters, ...onlyFollowing(following) }),
  keepAway: async (parameters, { drive }) => {
    await drive.disks.away(parameters);
    return {};
  },
  letSleep: async (parameters, { drive }) => {
    await drive.disks.sleep(parameters);
    return {};
  },
  unplug: (parameters, { drive, ...following }) => drive.disks.unplug({ ...parameters, ...onlyFollowing(following) }),
  stay: async (parameters, { drive }) => {
    await drive.disks.stay(parameters);
    return {};
  },
  heal: (parameters, { drive, ...following }) => drive.disks.heal({ ...parameters, ...onlyFollowing(following) }),
  rebalance: (parameters, { drive, ...following }) =>
    drive.disks.rebalance({ ...parameters, ...onlyFollowing(following) }),
  examine: (_, { drive }) => drive.disks.examine(),
  describeNotices: (_, { drive }) => drive.notices.describe(),
  setNotices: async ({ command, webhook }, { drive }) => {
    if (command !== undefined && webhook !== undefined) {
      throw new DriveError('BAD_REQUEST', { message: 'notices go to a command or to a webhook, not to both' });
    }
    await drive.notices.set(command ? { command } : webhook === undefined ? null : { webhook });
    return {};
  },
  testNotices: async (_, { drive }) => {
    await drive.notices.test();
    return {};
  },
};

const onlyFollowing = ({ signal, onProgress }: Required<Following>): Following => ({ signal, onProgress });
