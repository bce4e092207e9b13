/** A command line without a drive: every door that commands go through, recorded. */
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { CommandContext, DriveAccess, HostSystem, RunningServer } from '../../src/cli/command-context.js';
import { Terminal, type TextSink } from '../../src/cli/output/terminal.js';
import { runProgram } from '../../src/cli/program.js';
import { type Clock, systemClock } from '../../src/core/clock.js';
import { systemPlatform } from '../../src/core/platform.js';
import type {
  AtticListing,
  CheckReport,
  Drive,
  DriveEvent,
  DriveUser,
  FolderSetting,
  NoticeCommands,
  Progress,
  ProtectionReport,
  RebuildReport,
  RehearsalReport,
  RestoreOptions,
  RestoreReport,
  UserChange,
} from '../../src/drive-contract.js';
import type {
  Advice,
  DiskCommands,
  DrainReport,
  HealReport,
  RebalanceReport,
  UnplugReport,
} from '../../src/drive-disks.js';
import type { FileProof, NodeSalvageReport, ProofCommands, SalvageReport, ScrubReport } from '../../src/drive-proof.js';
import type { DriveStatus, NodeStatus } from '../../src/drive-status.js';
import type { Volume } from '../../src/volume/volume.js';

export function nodeStatus(label: string, changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id: '0123456789abcdef',
    label,
    path: `/disks/${label}`,
    state: 'online',
    reason: null,
    since: 0,
    role: 'active',
    group: label,
    usedBytes: 1024 ** 3,
    freeBytes: 5 * 1024 ** 3,
    totalBytes: 6 * 1024 ** 3,
    writeSet: true,
    proof: { copies: 1, proven: 1, oldest: 0 },
    behind: 0,
    ...changes,
  };
}

export function driveStatus(changes: Partial<DriveStatus> = {}): DriveStatus {
  return {
    volume: { id: 'feedfacefeedface', name: 'home', replicas: 2, directory: '/srv/home' },
    health: 'good',
    protection: 'Every file has 2 copies on different disks.',
    nodes: [nodeStatus('disk-1'), nodeStatus('disk-2')],
    files: 3,
    folders: 1,
    logicalBytes: 1024,
    storedBytes: 2048,
    deadBytes: 0,
    availableBytes: 1024 ** 3,
    segments: { total: 1, degraded: 0, lost: 0 },
    healing: { active: false, queuedSegments: 0, healedSegments: 0, startsInMs: null },
    reads: { failovers: 0, checksumErrors: 0 },
    sequence: 7,
    epoch: '0000000000000001',
    damagedFiles: [],
    salvage: null,
    scrub: {
      copies: 2,
      proven: 2,
      oldest: 0,
      periodMs: 2_592_000_000,
      bytesPerSecond: 4_194_304,
      readCopies: 2,
      readBytes: 2048,
      badCopies: 0,
    },
    checkpoint: null,
    rehearsal: null,
    uptimeMs: 1000,
    ...changes,
  };
}

export const soundReport: CheckReport = {
  findings: [],
  degraded: [],
  notes: [],
  checkedFiles: 3,
  checkedSegments: 1,
  readCopies: 0,
  readBytes: 0,
};

/** What a test sets: results to give and errors to throw; what it reads: the calls made. */
export class FakeDrive implements Drive {
  readonly volume = { id: 'feedfacefeedface', name: 'home' } as Volume;
  readonly calls: unknown[] = [];
  readonly listeners = new Set<(event: DriveEvent) => void>();
  statusAnswer: () => Promise<DriveStatus> = async () => driveStatus();
  checkAnswer: (options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void }) => Promise<CheckReport> =
    async () => soundReport;
  atticAnswer: AtticListing = { files: [], missingNodes: [] };
  restoreAnswer: RestoreReport = { files: [], missingNodes: [], dryRun: false };
  rehearseAnswer: RehearsalReport = { time: 1, durationMs: 1500, sequence: 7, files: 3, differences: 0, problems: [] };
  addNodeAnswer: () => Promise<{ id: string }> = async () => ({ id: 'aaaabbbbccccdddd' });
  removeNodeAnswer: () => Promise<void> = async () => {};
  userAnswer: DriveUser[] = [];
  changeUserAnswer: () => Promise<void> = async () => {};
  drainAnswer: DrainReport = { label: 'disk-2', leftSegments: 0, leftBytes: 0, isEmpty: true };
  unplugAnswer: UnplugReport = {
    verdict: 'safe',
    nodes: ['disk-2'],
    unreadable: { count: 0, paths: [] },
    single: { count: 0, paths: [] },
    copyBytes: 0,
    protectedAgainInMs: 0,
    unhealedSegments: 0,
    safeInMs: null,
    until: null,
  };
  healAnswer: HealReport = { dryRun: false, withoutNodes: [], segments: 0, copyBytes: 0, leftSegments: 0 };
  rebalanceAnswer: RebalanceReport = { dryRun: false, segments: 0, copyBytes: 0, stuckSegments: 0 };
  adviceAnswer: readonly Advice[] = [];
  noticeTarget: string | null = null;
  readonly disks: DiskCommands = {
    describe: async (options) => void this.calls.push(['describe', options]),
    drain: async ({ signal: _, onProgress, ...options }) => {
      this.calls.push(['drain', options]);
      onProgress?.({ phase: 'emptying disk-2', done: 1, total: 2, unit: 'bytes' });
      return this.drainAnswer;
    },
    replace: async ({ signal: _, onProgress: __, ...options }) => {
      this.calls.push(['replace', options]);
      return this.drainAnswer;
    },
    away: async (options) => void this.calls.push(['away', options]),
    sleep: async (options) => void this.calls.push(['sleep', options]),
    unplug: async ({ signal: _, onProgress: __, ...options }) => {
      this.calls.push(['unplug', options]);
      return this.unplugAnswer;
    },
    stay: async (options) => void this.calls.push(['stay', options]),
    heal: async ({ dryRun }) => {
      this.calls.push(['heal', { dryRun }]);
      return this.healAnswer;
    },
    rebalance: async ({ dryRun }) => {
      this.calls.push(['rebalance', { dryRun }]);
      return this.rebalanceAnswer;
    },
    examine: async () => {
      this.calls.push('examine');
      return this.adviceAnswer;
    },
  };
  proofAnswer: FileProof = {
    path: '/a',
    sizeBytes: 10,
    copies: 2,
    proven: 1,
    oldest: 0,
    badCopies: 0,
    unsealedSegments: 0,
    nodes: [{ label: 'disk-1', copies: 1, proven: 1, oldest: 0 }],
  };
  scrubAnswer: ScrubReport = {
    findings: [],
    degraded: [],
    notes: [],
    readCopies: 2,
    readBytes: 2048,
    readJournals: 1,
  };
  salvageAnswer: SalvageReport = {
    health: 'good',
    damagedFiles: 0,
    missingBytes: 0,
    nodes: [],
    together: 0,
    unplaced: 0,
    nowhere: 0,
    files: [],
  };
  nodeSalvageAnswer: NodeSalvageReport = {
    label: 'node-3',
    path: '/disk3/hold',
    dryRun: false,
    changedFiles: 3,
    presentFiles: 1,
    savedFiles: 2,
    savedBytes: 2048,
    failedFiles: 0,
    files: ['/Recovered from node-3/a', '/Recovered from node-3/b'],
    failed: [],
  };
  readonly proofs: ProofCommands = {
    ofFile: async (options) => {
      this.calls.push(['ofFile', options]);
      return this.proofAnswer;
    },
    scrub: async ({ olderThanMs }) => {
      this.calls.push(['scrub', { olderThanMs }]);
      return this.scrubAnswer;
    },
    salvage: async ({ limit }) => {
      this.calls.push(['salvage', { limit }]);
      return this.salvageAnswer;
    },
    salvageNode: async ({ node, dryRun }) => {
      this.calls.push(['salvageNode', { node, dryRun }]);
      return { ...this.nodeSalvageAnswer, dryRun };
    },
  };
  readonly notices: NoticeCommands = {
    describe: async () => ({ target: this.noticeTarget }),
    set: async (target) => void this.calls.push(['setNotices', target]),
    test: async () => void this.calls.push('testNotices'),
  };
  pastEvents: DriveEvent[] = [];
  closed = 0;

  status(): Promise<DriveStatus> {
    this.calls.push('status');
    return this.statusAnswer();
  }
  check(options: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {}): Promise<CheckReport> {
    this.calls.push('check');
    return this.checkAnswer(options);
  }
  async rehearse(): Promise<RehearsalReport> {
    this.calls.push('rehearse');
    return this.rehearseAnswer;
  }
  async listAttics(): Promise<AtticListing> {
    this.calls.push('listAttics');
    return this.atticAnswer;
  }
  async restoreFromAttics({ wanted, dryRun }: RestoreOptions): Promise<RestoreReport> {
    this.calls.push(['restoreFromAttics', { wanted, dryRun }]);
    return this.restoreAnswer;
  }
  addNode(options: object): Promise<{ id: string }> {
    this.calls.push(['addNode', { ...options }]);
    return this.addNodeAnswer();
  }
  removeNode(options: object): Promise<void> {
    this.calls.push(['removeNode', { ...options }]);
    return this.removeNodeAnswer();
  }
  protectionAnswer: ProtectionReport = { replicas: 2, nodes: 2, folders: [] };
  readonly protection = {
    list: async () => this.protectionAnswer,
    set: async (setting: FolderSetting) => {
      this.calls.push(['protect', setting]);
    },
  };
  readonly users = {
    list: async () => this.userAnswer,
    named: async (name: string) => this.userAnswer.find((user) => user.name === name),
    change: async (change: UserChange) => {
      this.calls.push(['changeUser', change]);
      await this.changeUserAnswer();
    },
  };
  events(): readonly DriveEvent[] {
    return this.pastEvents;
  }
  onEvent(listener: (event: DriveEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  async close(): Promise<void> {
    this.closed += 1;
  }
}

class Recorder implements TextSink {
  readonly isTty = false;
  readonly columns = 80;
  text = '';
  readonly #watchers = new Set<() => void>();

  write(text: string): void {
    this.text += text;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves when the text holds `part`. */
  holds(part: string): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!this.text.includes(part)) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }
}

export const rebuildReport: RebuildReport = {
  files: 4,
  folders: 2,
  sequence: 9,
  missingNodes: [],
  leftOut: [],
  movedAside: null,
};

/** One person's terminal with a fake drive behind it. */
export class FakeShell {
  readonly out = new Recorder();
  readonly err = new Recorder();
  readonly stop = new AbortController();
  readonly calls: [name: string, options: unknown][] = [];
  readonly programs: string[][] = [];
  clock: Clock = systemClock;
  drive = new FakeDrive();
  /** What comes by standard input. */
  input = '';
  takenPorts = new Set<number>();
  availableBytes = 1;
  server: RunningServer | undefined;
  serverClosed = 0;
  access: DriveAccess = {
    openDrive: async (options) => {
      this.calls.push(['openDrive', options]);
      return this.drive;
    },
    createVolume: async (options) => {
      this.calls.push(['createVolume', options]);
      return { id: 'feedfacefeedface', name: options.name ?? 'named', availableBytes: this.availableBytes };
    },
    rebuildVolume: async (options) => {
      this.calls.push(['rebuildVolume', options]);
      return rebuildReport;
    },
  };
  host: HostSystem = {
    isRoot: false,
    homeFolder: '/home/ada',
    recipeFolder: '/recipes',
    hasProgram: async () => false,
    hasFile: async () => false,
    readMountTable: async () => '',
    run: async (command, parameters) => {
      this.programs.push([command, ...parameters]);
      return 0;
    },
  };

  constructor(readonly workingDirectory: string) {}

  get context(): CommandContext {
    return {
      access: this.access,
      startServer: async ({ host, port }) => {
        this.calls.push(['startServer', { host, port }]);
        if (this.takenPorts.has(port)) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
        this.server = {
          address: { host, port },
          useTls: () => {},
          close: async () => {
            this.serverClosed += 1;
          },
        };
        return this.server;
      },
      input: { stream: Readable.from([this.input]), isTty: false },
      terminal: new Terminal({ out: this.out, err: this.err, colour: false }),
      clock: this.clock,
      host: this.host,
      workingDirectory: this.workingDirectory,
      platform: systemPlatform,
      stop: this.stop.signal,
      version: '1.2.3',
      debug: false,
    };
  }

  run(...parameters: string[]): Promise<number> {
    return runProgram(parameters, this.context);
  }

  get controlAddress(): string {
    return systemPlatform.controlAddress(join(this.workingDirectory, 'volume'));
  }
}
