/**
 * The rules of commit, epochs and opening as switches. `soundRules` is what the engine must follow; each planted
 * mistake turns one switch, and the model must find an execution that loses or mixes histories.
 */

export interface ProtocolRules {
  /** A batch is acknowledged when every member has it durably. */
  readonly ackNeedsAllMembers: boolean;
  /** An epoch is effective when every member has its record durably (else: a majority). */
  readonly epochNeedsAllMembers: boolean;
  /** The index commits an epoch with a full sync before anything more is acknowledged. */
  readonly epochIndexFull: boolean;
  /** Members of a new epoch are levelled before they get its record. */
  readonly levelBeforeEpoch: boolean;
  /** The epoch's own number skips one. */
  readonly epochSkipsNumber: boolean;
  /** An opening goes on behind the largest number seen anywhere (else: behind the history's last). */
  readonly numbersBeyondAllSeen: boolean;
  /** The newest epoch is found by descent (else: the largest sequence number). */
  readonly newestByDescent: boolean;
  /** Among epochs of which none descends from another: those that descend from the index's own come first. */
  readonly indexChainFirst: boolean;
  /** ... then those under which a batch was written. Needs: no batch leaves before the index has committed the epoch. */
  readonly writtenEpochFirst: boolean;
  /** ... then those that lie on each of their members that is here. */
  readonly completeEpochFirst: boolean;
  /** ... and when several are left, refuse (else: take any). */
  readonly refuseWhenApart: boolean;
  /** A new epoch names every other known epoch that it does not descend from as superseded. */
  readonly supersedesOthers: boolean;
  /** An epoch at the very end that the index never committed is not part of the history: the new one supersedes it. */
  readonly unservedEpochSuperseded: boolean;
  /** Only members of the newest epoch give the history (else: any node present). */
  readonly membersGiveHistory: boolean;
  /** The longest chain wins whatever its epoch. */
  readonly longestWins: boolean;
  /** When the index is ahead of every member present, its kept batches go on (else: the member's end is the end). */
  readonly indexGivesHistory: boolean;
  /** Index gone: refuse unless more than half of the nodes are here. */
  readonly halfWhenIndexGone: boolean;
  /** Index gone: refuse unless all members of the newest epoch known are here. */
  readonly allMembersWhenIndexGone: boolean;
  /** The tail is dropped when it lies on fewer nodes than the minimum of copies. */
  readonly dropBelowMinimum: boolean;
  /**
   * Of the nodes that the journal names for the tail's chunks, which must be here and lack them before it is dropped:
   * each; one, while no other here has them; or none (away counts as missing).
   */
  readonly dropWitnesses: 'each' | 'one' | 'none';
  /** The tail is dropped when its data is missing (else: every complete batch is kept). */
  readonly dropMissingTail: boolean;
  /** A batch of which a named copy failed is sealed by a new epoch before its answers: it is no tail any more. */
  readonly sealAfterFailedCopy: boolean;
  /** Data is durable before the first journal byte leaves (else: both at once). */
  readonly dataBeforeJournal: boolean;
  /** What a node's journal lacks is found by identity (else: what is above its largest number). */
  readonly levelByIdentity: boolean;
  /** An opening syncs what a killed process left readable but not durable, before it builds on it. */
  readonly openingSyncs: boolean;
  /** When every member fails at once, followers may take the batch and found the next epoch. */
  readonly followersGoForward: boolean;
}

export const soundRules: ProtocolRules = {
  ackNeedsAllMembers: true,
  epochNeedsAllMembers: true,
  epochIndexFull: true,
  levelBeforeEpoch: true,
  epochSkipsNumber: true,
  numbersBeyondAllSeen: true,
  newestByDescent: true,
  indexChainFirst: true,
  writtenEpochFirst: true,
  completeEpochFirst: false,
  refuseWhenApart: true,
  supersedesOthers: true,
  unservedEpochSuperseded: true,
  membersGiveHistory: true,
  longestWins: false,
  indexGivesHistory: true,
  halfWhenIndexGone: true,
  // The engine demands them; the other rules must hold without.
  allMembersWhenIndexGone: false,
  dropBelowMinimum: false,
  dropWitnesses: 'one',
  dropMissingTail: false,
  sealAfterFailedCopy: true,
  dataBeforeJournal: true,
  levelByIdentity: true,
  openingSyncs: true,
  followersGoForward: true,
};

/** What may happen beside crashes, nodes that leave and return, and I/O errors. */
export interface ProtocolFaults {
  readonly indexLost: boolean;
  /** An older copy of the index is put back. */
  readonly indexStale: boolean;
  /** An older copy of a node's journal is put back. */
  readonly nodeStale: boolean;
}

export const plainFaults: ProtocolFaults = { indexLost: true, indexStale: false, nodeStale: false };

export interface PlantedMistake {
  readonly rules: Partial<ProtocolRules>;
  readonly faults?: Partial<ProtocolFaults>;
  /** It shows only when accepted batches are judged too. */
  readonly strictTail?: boolean;
  /** Runs within which it must be found: some three times what the first find needs. */
  readonly runs: number;
}

/** Wrong rules, each by a name; the model must find every one of them. */
export const plantedMistakes: Readonly<Record<string, PlantedMistake>> = {
  'acknowledge before all members have the batch': { rules: { ackNeedsAllMembers: false }, runs: 500 },
  'epoch record on a majority of its members only': { rules: { epochNeedsAllMembers: false }, runs: 4_000 },
  'epoch not fully synced in the index': { rules: { epochIndexFull: false }, runs: 300 },
  'new members not levelled': { rules: { levelBeforeEpoch: false }, runs: 2_000 },
  'numbers used again after an opening': {
    rules: { epochSkipsNumber: false, numbersBeyondAllSeen: false },
    runs: 300,
  },
  'newest epoch by sequence number instead of by descent': { rules: { newestByDescent: false }, runs: 4_000 },
  'any node present gives the history': { rules: { membersGiveHistory: false }, runs: 300 },
  'longest chain wins whatever its epoch': { rules: { longestWins: true }, runs: 8_000 },
  'any member may open when the index is gone': {
    rules: { halfWhenIndexGone: false, allMembersWhenIndexGone: false },
    runs: 300,
  },
  'discard a batch found on fewer than the minimum of nodes': { rules: { dropBelowMinimum: true }, runs: 100 },
  'a node that is away counts as one that lacks the chunk': {
    rules: { dataBeforeJournal: false, dropMissingTail: true, dropWitnesses: 'none' },
    runs: 4_000,
  },
  'what a killed process left is built on unsynced': { rules: { openingSyncs: false }, runs: 3_000 },
  'every complete batch is kept, its chunks written or not': {
    rules: { dataBeforeJournal: false },
    strictTail: true,
    runs: 300,
  },
  'the end of a member counts though the index knows more': {
    rules: { indexGivesHistory: false },
    faults: { nodeStale: true },
    runs: 2_000,
  },
  'an epoch that was never served may be the newest': {
    rules: { writtenEpochFirst: false, refuseWhenApart: false },
    runs: 9_000,
  },
  'completeness of its record tells which epoch was served': {
    rules: { writtenEpochFirst: false, completeEpochFirst: true },
    runs: 6_000,
  },
  'epochs that went apart are never superseded': { rules: { supersedesOthers: false }, runs: 6_000 },
};
