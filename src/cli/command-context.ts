/** What every command is given. `main.ts` makes the real one; tests pass their own drive, server, signals and terminal. */
import type { Readable } from 'node:stream';
import type { Clock } from '../core/clock.js';
import type { Platform } from '../core/platform.js';
import type {
  CreatedVolume,
  CreateVolumeOptions,
  Drive,
  DriveEvent,
  OpenDriveOptions,
  RebuildOptions,
  RebuildReport,
} from '../drive-contract.js';
import type { TlsMaterial } from '../server/start-server.js';
import type { Terminal } from './output/terminal.js';

/** The three ways to a volume (drive.ts). */
export interface DriveAccess {
  /** NOT_FOUND, IN_USE, NEWER_FORMAT, CORRUPT, UNAVAILABLE. */
  openDrive(options: OpenDriveOptions): Promise<Drive>;
  /** EXISTS, NODE_REFUSED, INVALID_NAME; leaves nothing behind when it fails. */
  createVolume(options: CreateVolumeOptions): Promise<CreatedVolume>;
  /** IN_USE, NODE_GONE, DAMAGED, ABORTED. */
  rebuildVolume(options: RebuildOptions): Promise<RebuildReport>;
}

/** The WebDAV listener. */
export interface RunningServer {
  readonly address: { readonly host: string; readonly port: number };
  /** A new certificate, for connections from now on. */
  useTls(material: TlsMaterial): void;
  /** Answers what is under way, then closes. Idempotent. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly drive: Drive;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly onEvent: (event: DriveEvent) => void;
  readonly tls?: TlsMaterial | undefined;
  readonly isInsecureAllowed?: boolean | undefined;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly announces?: boolean | undefined;
}

/** Fails with an error that has EADDRINUSE as its code, or as that of a cause, when the port is taken. */
export type StartServer = (options: ServerOptions) => Promise<RunningServer>;

/** Runs a recipe of mount/; resolves with its exit code. TOOL_MISSING when the interpreter is absent. */
export type RunProgram = (command: string, parameters: readonly string[]) => Promise<number>;

/** The system that the command runs on, as far as mounting asks. */
export interface HostSystem {
  readonly isRoot: boolean;
  readonly homeFolder: string;
  /** Folder of the recipes (mount/). */
  readonly recipeFolder: string;
  /** Whether a program of this name is on the search path. */
  hasProgram(name: string): Promise<boolean>;
  hasFile(path: string): Promise<boolean>;
  /** Text of /proc/self/mounts; Linux only. */
  readMountTable(): Promise<string>;
  readonly run: RunProgram;
}

export interface CommandContext {
  readonly access: DriveAccess;
  readonly startServer: StartServer;
  readonly terminal: Terminal;
  /** Standard input. */
  readonly input: { readonly stream: Readable; readonly isTty: boolean };
  readonly clock: Clock;
  readonly host: HostSystem;
  /** Relative operands are resolved against it. */
  readonly workingDirectory: string;
  readonly platform: Platform;
  /** Fires at the first SIGINT, SIGTERM or SIGHUP. */
  readonly stop: AbortSignal;
  readonly version: string;
  /** Print stack traces with errors. */
  readonly debug: boolean;
}
