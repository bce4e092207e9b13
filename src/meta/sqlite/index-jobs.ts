/**
 * Long work that only reads the index: copying it, checking it, finding what its segments need or which files are damaged. Each job has a connection, and normally a
 * thread, of its own, so a volume is served meanwhile; this file is both sides.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { DriveError, type ErrorData } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import { checkIndex, checkIndexFile, checkSums, readIndex, verifyIndex } from '../checking/index-check.js';
import { findSegmentNeeds, type SegmentNeeds } from '../protection/segment-needs.js';
import { openConnection } from './connection.js';
import { type FoundFiles, findParts, type PartsQuery } from './damage-search.js';
import { guardRows } from './row-sums.js';
import { translateSqliteError } from './sqlite-errors.js';

export type IndexJob =
  /** CORRUPT unless all of the file is as it was written: before it is used, and while it is. */
  | { readonly kind: 'verify' | 'read'; readonly file: string }
  /** Findings about the file as an SQLite database, about what stands in it, and about its sums only. */
  | { readonly kind: 'check-file' | 'check' | 'check-sums'; readonly file: string }
  | { readonly kind: 'needs'; readonly file: string }
  | { readonly kind: 'parts'; readonly file: string; readonly query: PartsQuery }
  /** `to` must not exist. */
  | { readonly kind: 'copy'; readonly file: string; readonly to: string };

export interface JobOptions {
  readonly inThread: boolean;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Answer {
  /** Of a check. */
  readonly findings?: string[];
  readonly needs?: SegmentNeeds;
  readonly found?: FoundFiles;
  readonly error?: ErrorData;
}

const marker = 'holdfast index job';

/** ABORTED, and the errors of opening an index. */
export async function runIndexJob(job: IndexJob, options: JobOptions): Promise<Omit<Answer, 'error'>> {
  if (options.signal?.aborted) throw new DriveError('ABORTED');
  const { error, ...answer } = options.inThread
    ? await answerOfThread(job, options)
    : answerTo(job, options.onProgress ?? (() => undefined));
  if (error !== undefined) throw DriveError.fromData(error);
  return answer;
}

function answerOfThread(job: IndexJob, { onProgress, signal }: JobOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { marker, job } });
    // Over when the thread is: as long as its connection is open, nobody else's closing folds the WAL.
    const abort = () => void worker.terminate();
    signal?.addEventListener('abort', abort, { once: true });
    worker.on('message', (message: { readonly progress: Progress } | { readonly answer: Answer }) => {
      if ('progress' in message) onProgress?.(message.progress);
      else resolve(message.answer);
    });
    worker.once('error', (cause) => reject(translateSqliteError(cause)));
    worker.once('exit', () => {
      signal?.removeEventListener('abort', abort);
      reject(
        new DriveError(signal?.aborted ? 'ABORTED' : 'UNAVAILABLE', { message: 'the work on the index was cut off' }),
      );
    });
  });
}

function answerTo(job: IndexJob, onProgress: (progress: Progress) => void): Answer {
  try {
    const connection = openConnection({ file: job.file, role: 'reader', durability: 'normal' });
    try {
      if (job.kind === 'check-file') return { findings: checkIndexFile(connection) };
      if (job.kind === 'verify') verifyIndex(connection);
      if (job.kind === 'read') readIndex(connection);
      if (job.kind === 'parts') return { found: findParts(connection, job.query) };
      if (job.kind === 'needs') return { needs: findSegmentNeeds(connection) };
      // What is verified once ('check-file') need not be again with every question.
      if (job.kind === 'check' || job.kind === 'check-sums') guardRows(connection, 'trusting');
      if (job.kind === 'check') return { findings: checkIndex(connection, onProgress) };
      if (job.kind === 'check-sums') return { findings: checkSums(connection) };
      if (job.kind === 'copy') connection.prepare('VACUUM INTO ?').run(job.to);
      return {};
    } finally {
      connection.close();
    }
  } catch (error) {
    return { error: translateSqliteError(error).toData() };
  }
}

const data = workerData as { marker?: string; job: IndexJob } | null;
if (!isMainThread && data?.marker === marker) {
  const answer = answerTo(data.job, (progress) => parentPort?.postMessage({ progress }));
  parentPort?.postMessage({ answer });
}
