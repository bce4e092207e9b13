/** What can happen to a drive that people want to be told of, wherever they are; programs choose by it. */
export type EventKind =
  | 'node-gone'
  | 'node-back'
  /** It belongs to another volume or another history: nothing on it is touched. */
  | 'node-refused'
  | 'node-full'
  /** What lay on it was moved: it may be removed. */
  | 'node-empty'
  | 'healing'
  | 'healed'
  /** How the volume is changed: the message says what is protected now. */
  | 'good'
  | 'degraded'
  | 'read-only'
  | 'damaged'
  /** A rehearsal failed: the nodes alone would not give back the volume. */
  | 'not-rebuildable'
  /** A copy was found to have rotted at rest; the message names its node and the files. */
  | 'copy-bad'
  /** A file cannot be read whole; the message names it. */
  | 'file-lost'
  /** The copy of a node that is away on purpose holds everything: it may be unplugged. */
  | 'copy-current'
  | 'copy-overdue'
  /** The time is over for which a node might be unplugged, and it is not back. */
  | 'window-over'
  | 'test';
