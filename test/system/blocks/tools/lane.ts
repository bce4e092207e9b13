/** One lane of crash states: records, or takes a recording that was kept, looks at the states and says how to repeat one. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { answerApart, askApart, isApart } from '../../tools/apart.js';
import { mustRun } from '../../tools/commands.js';
import { MiB, missing } from '../../tools/requirements.js';
import { runSeed } from '../../tools/seeded.js';
import { tellReached } from '../../tools/time-left.js';
import { Workspace } from '../../tools/workspace.js';
import { checkStates, type Failure, type StatesOptions, type StatesOutcome } from './crash-states.js';
import type { FileSystem } from './recorded-disks.js';
import { keepRecording, loadRecording, type Recording, record, stutteringDisks } from './recording.js';
import { storageDaemonTools } from './storage-daemon.js';

export const laneOptions = {
  skip: missing({ tools: [...storageDaemonTools, 'mkfs.ext4', 'mkfs.xfs', 'cp'], root: true, fuse: true }),
  timeout: 1_500_000,
};

interface Question {
  readonly folder: string;
  readonly recording: Recording;
  readonly options: StatesOptions;
}

if (isApart) answerApart(({ folder, recording, options }: Question) => checkStates(folder, recording, options));

/** All images lie in memory: the states are made of syncs, not of a disk's speed. */
const memoryBytes = 2048 * MiB;

export async function memoryWorkspace(context: TestContext): Promise<Workspace> {
  const workspace = await Workspace.create(context);
  for (const name of ['recording', 'bench']) {
    const path = join(workspace.path, name);
    await mkdir(path);
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${memoryBytes}`, 'tmpfs', path]);
    workspace.defer(async () => void (await mustRun('umount', ['-l', path])));
  }
  return workspace;
}

/** HOLDFAST_RECORDING=FOLDER HOLDFAST_STATE=N looks at one state of a recording that was kept. */
export async function runLane(context: TestContext, fileSystems: readonly FileSystem[], states: number): Promise<void> {
  const kept = process.env.HOLDFAST_RECORDING;
  const only = process.env.HOLDFAST_STATE;
  const workspace = await memoryWorkspace(context);
  const seed = runSeed();
  const recording = kept
    ? await loadRecording(kept)
    : await record(workspace, { seed, fileSystems, changesPerClient: 90 });
  context.diagnostic(`${recording.moments.length} moments, ${recording.deeds.join(', ')}, seed ${recording.seed}`);
  const stuttering = stutteringDisks(recording);
  if (stuttering.length > 0) context.diagnostic(`left unasked: ${recording.warnings.join('; ')}`);
  const options: StatesOptions = { count: states, ...(only === undefined ? {} : { only: Number(only) }) };
  const folder = await workspace.folder('bench');
  const {
    doubtful,
    failures,
    states: seen,
  } = await askApart<Question, StatesOutcome>(context, import.meta.url, {
    folder,
    recording,
    options,
  });
  context.diagnostic(`${seen} crash states, ${doubtful} of them with writes in doubt`);
  tellReached(context, `block states replayed on ${[...new Set(fileSystems)].join(' and ')}`, seen, states);
  assert.equal(failures.length, 0, await explain(recording, failures, Boolean(kept)));
  if (kept || only) return;
  assert.ok(doubtful > states / 4, `only ${doubtful} of ${states} states had anything in doubt`);
}

async function explain(recording: Recording, failures: readonly Failure[], isKept: boolean): Promise<string> {
  if (failures.length === 0) return '';
  const folder = isKept ? recording.folder : join(tmpdir(), `holdfast-blocks-${recording.seed}`);
  if (!isKept) await keepRecording(recording, folder);
  const lines = failures
    .slice(0, 5)
    .flatMap(({ state, findings }) => [
      `${JSON.stringify(state)}: HOLDFAST_RECORDING=${folder} HOLDFAST_STATE=${state.number}`,
      ...findings.slice(0, 10),
    ]);
  return [`${failures.length} crash states are wrong`, ...lines, 'the drive had warned:', ...recording.warnings].join(
    '\n',
  );
}
