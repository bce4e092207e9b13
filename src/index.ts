/** Holdfast as a library: open a drive in a program of one's own. */
export { DriveError, type ErrorCode, type ErrorData, type ErrorDetails, errorCodes, hasCode } from './core/errors.js';
export { createVolume, openDrive, rebuildVolume } from './drive.js';
export type {
  CheckReport,
  CreateVolumeOptions,
  Drive,
  DriveEvent,
  NoticeCommands,
  OpenDriveOptions,
  Progress,
  RebuildOptions,
  RebuildReport,
} from './drive-contract.js';
export type {
  Advice,
  DiskCommands,
  DrainReport,
  HealReport,
  RebalanceReport,
  UnplugReport,
} from './drive-disks.js';
export type { DriveStatus, Health, NodeStatus } from './drive-status.js';
/** A volume for somebody's own webdav-server application: `server.setFileSystemSync('/drive/', new VolumeFileSystem(drive.volume))`. */
export { VolumeFileSystem } from './webdav/volumes/volume-file-system.js';
