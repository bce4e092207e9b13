/** The composition root: opens and closes everything below, knows no HTTP. */
import { resolve } from 'node:path';
import { readVolumeFile, type VolumeFile } from './config/volume-file.js';
import { holdProcess } from './core/clock.js';
import { DriveError, sayWithHint } from './core/errors.js';
import { shellWord } from './core/text/shell-word.js';
import { type DriveContext, systemContext } from './drive/drive-context.js';
import { DriveEngine } from './drive/drive-engine.js';
import { DriveEvents } from './drive/drive-events.js';
import { openUsableIndex, rebuildIndexFile } from './drive/drive-index.js';
import { type HeldVolume, holdVolume } from './drive/drive-lock.js';
import { DriveNodes } from './drive/drive-nodes.js';
import { Absences } from './drive/members/absences.js';
import { VolumeDisks } from './drive/members/disk-commands.js';
import { addNodeTo, removeNodeFrom } from './drive/members/drive-membership.js';
import { OperatorSettings } from './drive/members/operator-settings.js';
import { rememberSleepers } from './drive/members/sleepy-nodes.js';
import { Notifier } from './drive/notices/notifier.js';
import { withDamage } from './drive/proof/damage-words.js';
import { VolumeProofs } from './drive/proof/volume-proofs.js';
import { FolderProtection } from './drive/protection/folder-protection.js';
import { Rehearsals } from './drive/rehearsal/rehearsals.js';
import { reportStatus, statusWhileReopening } from './drive/status/drive-report.js';
import { DriveWatch } from './drive/status/drive-watch.js';
import { VolumeUsers } from './drive/users/volume-users.js';
import type {
  AtticListing,
  CheckReport,
  Drive,
  DriveEvent,
  DriveUsers,
  NoticeCommands,
  OpenDriveOptions,
  ProtectionCommands,
  RehearsalReport,
  RestoreOptions,
  RestoreReport,
} from './drive-contract.js';
import type { DiskCommands } from './drive-disks.js';
import type { DriveStatus } from './drive-status.js';
import { bounded, checkVolume } from './maintenance/check.js';
import { checkHistories } from './maintenance/checking/history-check.js';
import type { Maintenance } from './maintenance/maintenance.js';
import type { MetaStore } from './meta/meta-store.js';
import type { NodeRow } from './meta/rows.js';
import { DriveVolume } from './volume/drive-volume.js';
import type { Volume } from './volume/volume.js';

export { createVolume } from './drive/drive-create.js';
export { rebuildVolume } from './drive/drive-rebuild.js';

/** IN_USE, NEWER_FORMAT, FILE_MISSING (no volume there), READ_ONLY (index gone and too many nodes away). */
export function openDrive(options: OpenDriveOptions, context: DriveContext = systemContext): Promise<Drive> {
  const { healGraceMs } = options;
  const safety = healGraceMs === undefined ? context.safety : { ...context.safety, healGraceMs };
  return HoldfastDrive.open(options, { ...context, safety });
}

interface Parts {
  readonly directory: string;
  readonly context: DriveContext;
  readonly file: VolumeFile;
  readonly lock: HeldVolume;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
  readonly engine: DriveEngine;
  readonly replicas: number;
  readonly rehearsals: Rehearsals;
  readonly absences: Absences;
  readonly settings: OperatorSettings;
  readonly notifier: Notifier;
  /** Timers keep no process, and while the index is opened again nothing else may: who waits for an answer would lose it. */
  readonly release: () => void;
}

const shownDamagedFiles = 100;

class HoldfastDrive implements Drive {
  readonly volume: Volume;
  readonly users: DriveUsers;
  readonly protection: ProtectionCommands;
  readonly disks: DiskCommands;
  readonly notices: NoticeCommands;
  readonly proofs: VolumeProofs;
  private readonly watch: DriveWatch;
  private readonly parts: Parts;
  private readonly startedMs: number;
  private lastStatus: DriveStatus | undefined;
  private closing: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.parts = parts;
    const { context, engine, file } = parts;
    this.startedMs = context.clock.monotonic();
    const { clock, random } = context;
    const { retryMs } = context.safety;
    this.volume = new DriveVolume({
      id: file.id,
      name: file.name,
      engine: () => engine.engine(),
      clock,
      random,
      retryMs,
      isJustStopped: () => engine.isJustStopped,
    });
    this.users = new VolumeUsers(() => engine.engine(), clock);
    this.protection = new FolderProtection(() => engine.engine(), clock);
    this.disks = new VolumeDisks(parts);
    this.notices = parts.notifier;
    this.proofs = new VolumeProofs({ ...parts, volume: this.volume, status: () => this.status() });
    const { nodes, absences, events } = parts;
    this.watch = new DriveWatch({ clock, nodes, absences, events, status: () => this.status() });
    this.watch.start();
  }

  /** Leaves nothing open on failure. */
  static async open(options: OpenDriveOptions, context: DriveContext): Promise<HoldfastDrive> {
    const directory = resolve(options.directory);
    const file = await readVolumeFile(context.fileIo, directory);
    const events = new DriveEvents(context.clock);
    if (options.onEvent) events.listen(options.onEvent);
    const lock = await holdVolume(context, directory, file.id);
    const nodes = new DriveNodes(context, { volume: file.id, report: (message) => events.report('warning', message) });
    let meta: MetaStore | undefined;
    let engine: DriveEngine | undefined;
    const release = holdProcess();
    try {
      meta = await openIndex({ directory, context, file, nodes, events });
      const volume = meta.reader.volume();
      if (!volume)
        throw new DriveError('CORRUPT', {
          message: 'the index knows no volume',
          hint: `holdfast rebuild ${shellWord(directory)}`,
        });
      const { replicas } = volume;
      const settings = await OperatorSettings.open(context, directory, (problem) => events.report('warning', problem));
      const absences = new Absences(context.clock, settings);
      for (const node of nodes.all) node.describe({ isLeaving: absences.windowOf(node.id) !== undefined });
      rememberSleepers(nodes, settings);
      const report = (level: DriveEvent['level'], message: string) => events.report(level, message);
      const notifier = new Notifier({ settings, clock: context.clock, volume: file, report });
      events.listen(notifier.offer);
      const parts = { directory, context, nodes, events, meta, absences };
      engine = await DriveEngine.open({ ...parts, volume: { id: file.id, replicas }, givenUp: file.givenUp });
      const running = engine;
      const rehearsals = await Rehearsals.open({
        directory,
        volume: file.id,
        context,
        nodes,
        events,
        state: async () => (await running.engine()).committer.withWriter(async (writer) => writer.checkpoint()),
      });
      const drive = new HoldfastDrive({
        directory,
        context,
        file,
        lock,
        nodes,
        events,
        engine,
        replicas,
        rehearsals,
        absences,
        settings,
        notifier,
        release,
      });
      await running.engine(); // An index that turned out to be damaged meanwhile is being made anew.
      await drive.status(); // From here on there is always one to show.
      return drive;
    } catch (error) {
      await engine?.close();
      await meta?.close();
      await nodes.close();
      await lock.close();
      release();
      throw error;
    }
  }

  /** Never waits for the engine: people ask when something is wrong. */
  async status(): Promise<DriveStatus> {
    const { context, nodes, engine } = this.parts;
    const { serving, maintenance } = engine;
    const uptimeMs = Math.round(context.clock.monotonic() - this.startedMs);
    if (!serving || !maintenance) {
      if (this.closing || !this.lastStatus) throw new DriveError(this.closing ? 'CLOSED' : 'UNAVAILABLE');
      const reason = engine.trouble ? sayWithHint(engine.trouble) : 'its history is read';
      return statusWhileReopening(this.lastStatus, nodes.all, { reason, uptimeMs });
    }
    const status = reportStatus({
      directory: this.parts.directory,
      reader: engine.index.reader,
      nodes: nodes.all,
      members: serving.history.writeSet.members,
      positions: serving.history.writeSet.positions(),
      space: serving.space(),
      healing: maintenance.healer.status(),
      reads: serving.segmentReader.counters,
      damagedFiles: engine.damagedFiles.list(engine.index.reader, shownDamagedFiles),
      checkpoint: maintenance.checkpointer.last ?? null,
      scrub: maintenance.scrubber.status(),
      histories: maintenance.histories,
      rehearsal: this.parts.rehearsals.last ?? null,
      readOnlyReason: engine.trouble ? sayWithHint(engine.trouble) : null,
      windowOf: (node) => this.parts.absences.windowOf(node),
      catchUp: maintenance.catchUp.status(),
      uptimeMs,
    });
    const isLost = status.segments.lost > 0 || engine.index.reader.chunksWithoutPlace(1).length > 0;
    const isReadOnly = engine.trouble !== undefined;
    this.lastStatus = isLost ? withDamage(status, { damage: await this.proofs.figures(), isReadOnly }) : status;
    return this.lastStatus;
  }

  async check({ readData, signal, onProgress }: Parameters<Drive['check']>[0] = {}): Promise<CheckReport> {
    const { nodes, engine } = this.parts;
    const { segments } = await engine.engine();
    const isOpen = (segment: string) => segments.openSegments().some((open) => open.segment === segment);
    const report = await checkVolume({ meta: engine.index, nodes: nodes.all, isOpen, signal, onProgress });
    const histories = await checkHistories(nodes.all, engine.index.reader);
    const data = readData && (await (await this.maintenance()).checkData({ ...readData, signal, onProgress }));
    return {
      ...report,
      findings: bounded([...report.findings, ...histories.findings, ...(data?.findings ?? [])]),
      degraded: bounded([...report.degraded, ...histories.degraded, ...(data?.degraded ?? [])]),
      notes: bounded([...report.notes, ...(data?.notes ?? [])]),
      readCopies: data?.readCopies ?? 0,
      readBytes: data?.readBytes ?? 0,
    };
  }

  rehearse({ signal }: Parameters<Drive['rehearse']>[0] = {}): Promise<RehearsalReport> {
    return this.parts.rehearsals.run(signal);
  }

  async listAttics(): Promise<AtticListing> {
    return (await this.maintenance()).listAttics();
  }

  async restoreFromAttics(options: RestoreOptions): Promise<RestoreReport> {
    return (await this.maintenance()).restoreFromAttics(options);
  }

  private async maintenance(): Promise<Maintenance> {
    await this.parts.engine.engine();
    const { maintenance } = this.parts.engine;
    if (!maintenance) throw new DriveError('UNAVAILABLE');
    return maintenance;
  }

  async addNode(options: Parameters<Drive['addNode']>[0]): Promise<{ readonly id: string }> {
    return addNodeTo(this.parts, options);
  }

  async removeNode(options: Parameters<Drive['removeNode']>[0]): Promise<void> {
    await removeNodeFrom(this.parts, options);
  }

  events(): readonly DriveEvent[] {
    return this.parts.events.list();
  }

  onEvent(listener: (event: DriveEvent) => void): () => void {
    return this.parts.events.listen(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async closeAll(): Promise<void> {
    const { engine, nodes, lock, rehearsals, notifier, release } = this.parts;
    this.watch.close();
    await this.proofs.close();
    try {
      await rehearsals.close();
      await engine.close();
      await notifier.close();
    } finally {
      await nodes.close();
      await lock.close();
      release();
    }
  }
}

interface IndexToOpen {
  readonly directory: string;
  readonly context: DriveContext;
  readonly file: VolumeFile;
  readonly nodes: DriveNodes;
  readonly events: DriveEvents;
}

/** Opens the index and the nodes. An index that is absent or damaged is rebuilt from the nodes that volume.json names. */
async function openIndex(wanted: IndexToOpen): Promise<MetaStore> {
  const { file, nodes } = wanted;
  const meta = (await openUsableIndex(wanted, file.id)) ?? (await makeIndexAnew(wanted));
  const pathOf = new Map(file.nodes.map((node) => [node.id, node.path]));
  const known = meta.reader.nodes().filter((node) => node.role !== 'retired');
  try {
    await nodes.open(known.map((row: NodeRow) => ({ ...row, path: pathOf.get(row.id) ?? row.path })));
  } catch (error) {
    await meta.close();
    throw error;
  }
  return meta;
}

async function makeIndexAnew({ directory, context, file, events }: IndexToOpen): Promise<MetaStore> {
  events.report('warning', 'the index is missing or damaged: it is rebuilt from the nodes');
  const hints = new DriveNodes(context, { volume: file.id, report: () => undefined });
  try {
    await hints.open(file.nodes.map((node) => ({ ...node, group: node.id, weight: 1, role: 'active' })));
    return await rebuildIndexFile({ directory, context, events }, hints.present);
  } finally {
    await hints.close();
  }
}
