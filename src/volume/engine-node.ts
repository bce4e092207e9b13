/** A node as the engine needs it; node/node.ts fits it structurally. */
import type { StoreNode } from '../store/store-node.js';

export interface EngineNode extends StoreNode {
  readonly label: string;
  readonly path: string;
  /** Milliseconds since 1970 at which its state began. */
  readonly since: number;
  /** Why, in words, when not online. */
  readonly reason: string | null;
  /** st_dev of its file system; undefined where the platform has none: nodes with the same one share its space. */
  readonly device: number | undefined;
  /** Its disk may sleep while nobody uses it. */
  readonly isSleepy?: boolean;
  /** The engine has made it current: 'returning' becomes 'online'. */
  welcome(): void;
  /** Its contents belong to another history: 'foreign'. Never touched again before the volume is reopened. */
  refuse(reason: string): void;
}
