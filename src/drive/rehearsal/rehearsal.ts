/**
 * Proves that the index can be rebuilt: it is rebuilt aside, in a thread of its own, from the nodes alone, up to the
 * batch that the serving index stood at, and the two states are compared line by line. The result is kept beside the
 * volume, so that anybody can see when it was last proven.
 */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DriveError, hasCode } from '../../core/errors.js';
import type { FileIo } from '../../core/file-io.js';
import type { CheckpointStream } from '../../meta/meta-store.js';
import type { DriveContext } from '../drive-context.js';
import type { NodeToOpen } from '../drive-nodes.js';
import type { RehearsalAnswer, RehearsalTask } from './rehearsal-worker.js';

export interface RehearsalReport {
  /** Milliseconds since 1970 at which it began. */
  readonly time: number;
  readonly durationMs: number;
  /** Of the last batch that it covers. */
  readonly sequence: number;
  readonly files: number;
  /** 0: the nodes alone give back the same volume. */
  readonly differences: number;
  /** The first differences, or why it could not be rebuilt; for people. */
  readonly problems: readonly string[];
}

export interface RehearsalInput {
  readonly directory: string;
  readonly volume: string;
  readonly context: DriveContext;
  readonly nodes: readonly NodeToOpen[];
  /** The state to compare with, as of its tip. */
  readonly state: CheckpointStream;
  readonly signal?: AbortSignal | undefined;
}

const stateName = 'rehearsal.state';
const reportName = 'rehearsal.json';
const reportLimitBytes = 64 * 1024;

/** Also a failure is a report. ABORTED; what its own files meet (OUT_OF_SPACE on the index's disk, say) as it comes. */
export async function rehearse(input: RehearsalInput): Promise<RehearsalReport> {
  const { directory, volume, nodes, context, state, signal } = input;
  const { clock, fileIo } = context;
  const [time, startedMs] = [clock.now(), clock.monotonic()];
  const sequence = state.tip?.sequence ?? 0;
  const stateFile = join(directory, stateName);
  try {
    await writeState(fileIo, stateFile, state);
    const answer = await runThread({ directory, volume, nodes, stateFile, sequence }, signal);
    const durationMs = Math.round(clock.monotonic() - startedMs);
    const report = { time, durationMs, sequence, ...judged(answer, sequence) };
    await writeReport(fileIo, directory, report);
    return report;
  } finally {
    await remove(fileIo, stateFile);
  }
}

/** undefined when none was ever made here. */
export async function lastRehearsal(fileIo: FileIo, directory: string): Promise<RehearsalReport | undefined> {
  try {
    const value: unknown = JSON.parse(
      (await fileIo.readWhole(join(directory, reportName), reportLimitBytes)).toString(),
    );
    return isReport(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'FILE_MISSING', 'CORRUPT')) return undefined;
    throw error;
  }
}

function judged(
  answer: RehearsalAnswer,
  sequence: number,
): Pick<RehearsalReport, 'files' | 'differences' | 'problems'> {
  if ('error' in answer) {
    const { code, message, hint } = DriveError.fromData(answer.error);
    // Which disks to plug in is of use; "rebuild it" is what must not be done now.
    return { files: 0, differences: 1, problems: [code === 'READ_ONLY' && hint ? `${message} (${hint})` : message] };
  }
  const { files, chunksWithoutPlace, examples } = answer;
  const problems = [...examples];
  if (answer.sequence !== sequence)
    problems.unshift(`the nodes' journals end with change ${answer.sequence}, the index with ${sequence}`);
  if (chunksWithoutPlace > 0) problems.unshift(`pieces of files that no segment here holds: ${chunksWithoutPlace}`);
  const differences = answer.differences + chunksWithoutPlace + Number(answer.sequence !== sequence);
  return { files, differences, problems };
}

/** ABORTED; INTERNAL when the thread ends without a word. */
function runThread(task: RehearsalTask, signal: AbortSignal | undefined): Promise<RehearsalAnswer> {
  const thread = new Worker(new URL('./rehearsal-worker.js', import.meta.url), { workerData: task });
  return new Promise<RehearsalAnswer>((resolve, reject) => {
    const abort = () => void thread.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => {
      signal?.removeEventListener('abort', abort);
      // After an answer this changes nothing.
      reject(new DriveError(signal?.aborted ? 'ABORTED' : 'INTERNAL', { message: 'the rehearsal ended early' }));
    });
  });
}

async function writeState(fileIo: FileIo, path: string, state: CheckpointStream): Promise<void> {
  await remove(fileIo, path);
  const file = await fileIo.open(path, 'create');
  try {
    let at = 0;
    for await (const piece of state) {
      await file.write([piece], at);
      at += piece.length;
    }
  } finally {
    await file.close();
  }
}

async function writeReport(fileIo: FileIo, directory: string, report: RehearsalReport): Promise<void> {
  const path = join(directory, reportName);
  const temporary = `${path}.new`;
  await remove(fileIo, temporary);
  const file = await fileIo.open(temporary, 'create');
  try {
    await file.write([Buffer.from(`${JSON.stringify(report, null, 2)}\n`)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fileIo.rename(temporary, path);
  await fileIo.syncFolder(directory);
}

async function remove(fileIo: FileIo, path: string): Promise<void> {
  if (await fileIo.stat(path)) await fileIo.unlink(path);
}

function isReport(value: unknown): value is RehearsalReport {
  if (typeof value !== 'object' || value === null) return false;
  const { time, durationMs, sequence, files, differences, problems } = value as Partial<RehearsalReport>;
  const isText = (one: unknown): one is string => typeof one === 'string';
  return (
    [time, durationMs, sequence, files, differences].every((number) => Number.isSafeInteger(number)) &&
    Array.isArray(problems) &&
    problems.every(isText)
  );
}
