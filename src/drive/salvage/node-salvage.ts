/**
 * Brings what a node holds of another history into the drive: as new files below "Recovered from NODE", never merged with
 * what the drive has, through the ordinary way of saving. The node is only read. Begun again, it goes on where it ended.
 */
import { isAbsolute } from 'node:path';
import { DriveError, hasCode } from '../../core/errors.js';
import type { NodeSalvageReport, ProofCommands } from '../../drive-proof.js';
import type { EntryPath } from '../../meta/requests.js';
import { readPassport } from '../../node/passport.js';
import type { Volume } from '../../volume/volume.js';
import type { DriveContext } from '../drive-context.js';
import type { DriveEngine } from '../drive-engine.js';
import type { DriveEvents } from '../drive-events.js';
import type { DriveNodes, NodeToOpen } from '../drive-nodes.js';
import { nodeCalled } from '../members/node-called.js';
import { asText } from '../protection/folder-protection.js';
import { type ChangedFile, changedFiles } from './changed-files.js';
import { forkPoint } from './fork-point.js';
import { OtherHistory } from './other-history.js';
import { RecoveredFolders } from './recovered-folders.js';

export interface NodeSalvageParts {
  readonly directory: string;
  readonly context: DriveContext;
  readonly volume: Volume;
  readonly nodes: DriveNodes;
  readonly engine: DriveEngine;
  readonly events: DriveEvents;
}

type Options = Parameters<ProofCommands['salvageNode']>[0];
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** In the report, by name. */
const namedFiles = 1_000;
/** Trouble with one file, and no reason to leave the others. */
const ofOneFile = [
  'INVALID_NAME',
  'LIMIT_EXCEEDED',
  'LOCKED',
  'PRECONDITION_FAILED',
  'PARENT_MISSING',
  'EXISTS',
  'IS_FOLDER',
  'NOT_FOLDER',
] as const;

export class NodeSalvage {
  readonly #parts: NodeSalvageParts;
  readonly #stop = new AbortController();
  #running: Promise<NodeSalvageReport> | undefined;

  constructor(parts: NodeSalvageParts) {
    this.#parts = parts;
  }

  async run(options: Options): Promise<NodeSalvageReport> {
    if (this.#running)
      throw new DriveError('IN_USE', { message: 'a node is being salvaged', hint: 'wait for its end' });
    const { signal: asked } = options;
    const signal = asked ? AbortSignal.any([asked, this.#stop.signal]) : this.#stop.signal;
    this.#running = this.#salvage({ ...options, signal });
    try {
      const report = await this.#running;
      this.#tell(report);
      return report;
    } finally {
      this.#running = undefined;
    }
  }

  /** Ends one that runs: what it saved stays. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
  }

  #tell({ label, dryRun, savedFiles, failedFiles }: NodeSalvageReport): void {
    if (dryRun || savedFiles + failedFiles === 0) return;
    const level = failedFiles > 0 ? 'warning' : 'info';
    const left = failedFiles > 0 ? `, ${failedFiles} could not be saved` : '';
    this.#parts.events.report(level, `files of another history on ${label}: ${savedFiles} saved in a folder${left}`);
  }

  async #salvage(options: Options): Promise<NodeSalvageReport> {
    const { directory, context, nodes, engine, volume } = this.#parts;
    await engine.engine();
    if (engine.trouble && !options.dryRun) throw engine.trouble;
    const node = await this.#nodeCalled(options.node);
    const others = nodes.all.filter(({ id, role }) => id !== node.id && role !== 'retired').map(described);
    const { onProgress, signal } = options;
    const serving = () => engine.engine();
    const input = { directory, volume: volume.id, context, node, others, engine: serving, onProgress, signal };
    const history = await OtherHistory.open(input);
    try {
      return await this.#saveAll(history, node, options);
    } finally {
      await history.close();
    }
  }

  async #saveAll(
    history: OtherHistory,
    { label, path }: NodeToOpen,
    { dryRun, onProgress, signal }: Options,
  ): Promise<NodeSalvageReport> {
    const { volume } = this.#parts;
    const folders = new RecoveredFolders(volume, label);
    const report: Mutable<NodeSalvageReport> = { ...emptyReport, label, path, dryRun };
    const files: string[] = [];
    const failed: { path: string; reason: string }[] = [];
    const total = await this.#survey(history, signal);
    for await (const file of this.#changed(history, signal)) {
      const done = report.changedFiles++;
      onProgress?.({ phase: 'saving', done, total: Math.max(total, done), unit: 'files' });
      const target = await folders.placeFor(file);
      if (!target) {
        report.presentFiles += 1;
        continue;
      }
      const reason = dryRun ? null : await saved(folders, target, { file, history, signal });
      if (reason !== null) {
        report.failedFiles += 1;
        if (failed.length < namedFiles) failed.push({ path: asText(file.path), reason });
        continue;
      }
      report.savedFiles += 1;
      report.savedBytes += file.row.sizeBytes;
      if (files.length < namedFiles) files.push(asText(target));
    }
    return { ...report, files, failed };
  }

  /** How many files there are; looks for what is in them where that is not known. */
  async #survey(history: OtherHistory, signal: AbortSignal | undefined): Promise<number> {
    let count = 0;
    let isLacking = false;
    for await (const { row } of this.#changed(history, signal)) {
      count += 1;
      isLacking ||= await history.lacksPlaces(row.content!);
    }
    if (isLacking) await history.findPlaces();
    return count;
  }

  async *#changed(history: OtherHistory, signal: AbortSignal | undefined): AsyncGenerator<ChangedFile> {
    const { volume, engine } = this.#parts;
    const { reader } = await engine.engine();
    const fork = forkPoint(
      { tip: history.reader.tip()!, epochs: history.reader.epochs() },
      { tip: reader.tip()!, epochs: reader.epochs() },
    );
    for await (const file of changedFiles(history.reader, { fork, living: (path) => volume.stat(path) })) {
      if (signal?.aborted) throw new DriveError('ABORTED');
      yield file;
    }
  }

  /** One that was refused, or the path of one that was removed since. USAGE, NODE_GONE, NODE_REFUSED. */
  async #nodeCalled(wanted: string): Promise<NodeToOpen> {
    const { nodes } = this.#parts;
    const removed = isAbsolute(wanted) ? await this.#removedNodeAt(wanted) : undefined;
    if (removed) return removed;
    const node = nodeCalled(wanted, nodes.all);
    const { label, path, state, reason } = node;
    if (node.isRefused) return described(node);
    if (state === 'offline') {
      throw new DriveError('NODE_GONE', {
        message: `${label} is not here`,
        hint: `plug it in, so that it lies at ${path}`,
      });
    }
    throw new DriveError('NODE_REFUSED', {
      message: `${label} holds no other history that is known: it is ${state}${reason === null ? '' : ` (${reason})`}`,
      hint: 'only a node that was refused because of another history is salvaged; "holdfast status DIR" names it',
    });
  }

  async #removedNodeAt(path: string): Promise<NodeToOpen | undefined> {
    const { context, nodes, engine, volume } = this.#parts;
    const found = await readPassport(context.fileIo, path).catch(() => undefined);
    if (found?.passport.volume !== volume.id || nodes.get(found.passport.node)) return undefined;
    const { node: id, label } = found.passport;
    const row = engine.index.reader.nodes().find((one) => one.id === id);
    return { id, label: row?.label ?? label, group: id, weight: 1, role: 'active', path };
  }
}

/** Why it could not be; null when it was. */
async function saved(
  folders: RecoveredFolders,
  target: EntryPath,
  { file, history, signal }: { file: ChangedFile; history: OtherHistory; signal: AbortSignal | undefined },
): Promise<string | null> {
  const { row } = file;
  const properties = row.hasProperties ? history.reader.properties(row.id) : [];
  try {
    const isWhole = await folders.save(target, { row, properties, content: history.content(row.content!) }, signal);
    return isWhole ? null : 'a part of it can be read from no node that is here';
  } catch (error) {
    if (hasCode(error, ...ofOneFile)) return error.message;
    throw error;
  }
}

const described = ({ id, label, group, weight, role, path }: NodeToOpen): NodeToOpen => ({
  id,
  label,
  group,
  weight,
  role,
  path,
});

const emptyReport = {
  changedFiles: 0,
  presentFiles: 0,
  savedFiles: 0,
  savedBytes: 0,
  failedFiles: 0,
  files: [],
  failed: [],
};
