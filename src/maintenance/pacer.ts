/**
 * Makes background work yield to clients: while requests are served it rests after each piece three times as long as
 * the piece took, so it uses at most a quarter of a disk's time, however fast the disk is; with nobody waiting it
 * runs at full speed.
 */
import type { MaintenanceHost } from './maintenance-host.js';

const restFactor = 3;
/** A piece that took longer did not work all the time: its node hung, or the process was stopped. */
const longestPieceMs = 250;

export class Pacer {
  private readonly host: Pick<MaintenanceHost, 'clock' | 'isServing'>;
  private pieceStartedMs: number;

  constructor(host: Pick<MaintenanceHost, 'clock' | 'isServing'>) {
    this.host = host;
    this.pieceStartedMs = host.clock.monotonic();
  }

  /** Called after each piece; resolves when the next one may begin. */
  readonly pace = async (): Promise<void> => {
    const { clock } = this.host;
    const workedMs = Math.min(clock.monotonic() - this.pieceStartedMs, longestPieceMs);
    if (this.host.isServing()) await clock.sleep(workedMs * restFactor);
    this.pieceStartedMs = clock.monotonic();
  };
}
