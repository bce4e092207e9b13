/** Every time and size that can lose data or availability, in one place. Tests use `testSafety` on a test clock. */

export interface SafetyParameters {
  /** A node missing this long is healed around. */
  readonly healGraceMs: number;
  /** Between probes of an online node (passport, device, write + fsync, space). */
  readonly probeIntervalMs: number;
  /** Between attempts to see an absent node again. */
  readonly returnProbeIntervalMs: number;
  /** A write, fsync or probe slower than this makes its node leave. */
  readonly writeDeadlineMs: number;
  /**
   * An idle disk that does not answer a probe in this time hangs, or spins up: until it answers, others are written to and
   * asked first. Only when others answer meanwhile; else it is the machine that stands still.
   */
  readonly silenceMs: number;
  /** A read slower than this goes to the next replica. */
  readonly readDeadlineMs: number;
  /** A node without I/O for this long holds no open file. */
  readonly idleCloseMs: number;
  /** Largest length of a segment file. */
  readonly segmentLimitBytes: number;
  /** Bytes written but not yet synced, over all uploads together. */
  readonly syncWindowBytes: number;
  /** Encoded journal kept in the index for a lagging node; past it the node gets a checkpoint. */
  readonly journalRetainBytes: number;
  /** Journal length after which a new checkpoint is made. */
  readonly checkpointAfterBytes: number;
  /** One gate run moves at most this share of a node's segment bytes to the attic. */
  readonly gateShare: number;
  /** Files wait this long in the attic before they are unlinked (space need shortens it). */
  readonly atticMs: number;
  /** A node is not listed again before so many times as long as its last listing took. */
  readonly listingRest: number;
  /** Each copy is read whole and verified again within this time. */
  readonly scrubPeriodMs: number;
  /** An index that was opened without reading all of it is read so long after that, while it serves. */
  readonly indexReadDelayMs: number;
  /** Transient trouble of a request is retried inside for this long before it becomes UNAVAILABLE. */
  readonly retryMs: number;
}

const MiB = 1024 * 1024;

export const productionSafety: SafetyParameters = {
  healGraceMs: 600_000,
  probeIntervalMs: 2_000,
  returnProbeIntervalMs: 2_000,
  writeDeadlineMs: 10_000,
  silenceMs: 600,
  readDeadlineMs: 5_000,
  idleCloseMs: 10_000,
  segmentLimitBytes: 128 * MiB,
  syncWindowBytes: 64 * MiB,
  journalRetainBytes: 256 * MiB,
  checkpointAfterBytes: 64 * MiB,
  gateShare: 0.5,
  atticMs: 24 * 3_600_000,
  listingRest: 20,
  scrubPeriodMs: 30 * 24 * 3_600_000,
  indexReadDelayMs: 30_000,
  retryMs: 20_000,
};

export const testSafety: SafetyParameters = {
  ...productionSafety,
  healGraceMs: 500,
  probeIntervalMs: 200,
  returnProbeIntervalMs: 200,
  // Tests run many at a time: a busy machine is no sick disk.
  silenceMs: 10_000,
  idleCloseMs: 1_000,
  segmentLimitBytes: 4 * MiB,
  syncWindowBytes: 4 * MiB,
  checkpointAfterBytes: 1 * MiB,
  atticMs: 1_000,
  retryMs: 2_000,
};
