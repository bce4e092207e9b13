/** Names of things, as every layer writes them. */

/** 64 lower-case hex digits: SHA-256 of the chunk's plain bytes. */
export type ChunkId = string;
/** `<epoch id, 16 hex>-<counter, 8 hex>`. */
export type SegmentId = string;
/** 16 hex digits. */
export type NodeId = string;
/** 16 hex digits, random. */
export type EpochId = string;
/** A chunk's id and its plain length in bytes. */
export type ChunkReference = readonly [id: ChunkId, lengthBytes: number];
