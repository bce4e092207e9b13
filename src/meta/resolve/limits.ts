/** Bounds of what one request may do, so that one request never holds up the others for long. */
export interface Limits {
  /** Entries that one COPY may make. */
  readonly entriesPerCopy: number;
  /** Text of dead properties that one COPY may carry: a batch is at most 64 MiB long. */
  readonly propertyBytesPerCopy: number;
  /** Living DAV locks of the volume: each DELETE and MOVE looks at all of them. */
  readonly locks: number;
  readonly lockOwnerBytes: number;
  readonly propertiesPerEntry: number;
  readonly propertyBytes: number;
  readonly users: number;
  readonly credentialsBytes: number;
}

export const productionLimits: Limits = {
  entriesPerCopy: 100_000,
  propertyBytesPerCopy: 16 * 1024 * 1024,
  locks: 10_000,
  lockOwnerBytes: 16 * 1024,
  propertiesPerEntry: 1_000,
  propertyBytes: 256 * 1024,
  users: 1_000,
  credentialsBytes: 4 * 1024,
};

/** Chunks in one 'chunks' operation: keeps lines of the journal below half a megabyte. */
export const chunksPerOperation = 4_096;
/** Chunks that one prune step lets go, unless a single content has more. */
export const chunksPerPrune = 50_000;
