/**
 * Long work that only reads the index: copying and checking it. Each job has a connection, and normally a thread, of
 * its own; this file is both sides.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DriveError, type ErrorData } from '../../core/errors.js';
import { openConnection } from './connection.js';
import { checkIndex } from './index-check.js';
import { translateSqliteError } from './sqlite-errors.js';

export type IndexJob =
  | { readonly kind: 'check'; readonly file: string }
  /** `to` must not exist. */
  | { readonly kind: 'copy'; readonly file: string; readonly to: string };

interface Answer {
  readonly findings?: string[];
  readonly error?: ErrorData;
}

const marker = 'holdfast index job';

/** The findings of a check; none for a copy. */
export async function runIndexJob(job: IndexJob, { inThread }: { readonly inThread: boolean }): Promise<string[]> {
  const { findings, error } = inThread ? await answerOfThread(job) : answerTo(job);
  if (error !== undefined) throw DriveError.fromData(error);
  return findings ?? [];
}

function answerOfThread(job: IndexJob): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { marker, job } });
    worker.once('message', resolve);
    worker.once('error', (cause) => reject(translateSqliteError(cause)));
    worker.once('exit', () => reject(new DriveError('UNAVAILABLE', { message: 'the work on the index was cut off' })));
  });
}

function answerTo(job: IndexJob): Answer {
  try {
    const connection = openConnection({ file: job.file, role: 'reader', durability: 'normal' });
    try {
      if (job.kind === 'check') return { findings: checkIndex(connection) };
      connection.prepare('VACUUM INTO ?').run(job.to);
      return {};
    } finally {
      connection.close();
    }
  } catch (error) {
    return { error: translateSqliteError(error).toData() };
  }
}

const data = workerData as { marker?: string; job: IndexJob } | null;
if (!isMainThread && data?.marker === marker) parentPort?.postMessage(answerTo(data.job));
