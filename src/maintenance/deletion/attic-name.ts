/** Names in a node's attic say what a file was, when and why it was moved there, so that it can be put back. */

/**
 * 'surplus': the segment has its copies on other nodes. 'unreferred': nothing refers to the segment. 'superseded': a
 * newer checkpoint holds what it holds. 'replaced': a good copy of the same segment took its place.
 */
export const atticReasons = ['surplus', 'unreferred', 'superseded', 'replaced'] as const;
export type AtticReason = (typeof atticReasons)[number];

export interface AtticName {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly folder: 'segments' | 'journal' | 'checkpoints';
  /** null in names that do not say it. */
  readonly reason: AtticReason | null;
  readonly name: string;
}

const pattern = new RegExp(`^(\\d{15})\\.(segments|journal|checkpoints)\\.(?:(${atticReasons.join('|')})\\.)?(.+)$`);

export function formatAtticName({ time, folder, reason, name }: AtticName): string {
  const parts = [String(time).padStart(15, '0'), folder, reason, name];
  return parts.filter((part) => part !== null).join('.');
}

/** undefined for every other name. */
export function parseAtticName(name: string): AtticName | undefined {
  const match = pattern.exec(name);
  if (!match) return undefined;
  const [, time, folder, reason, before] = match;
  return {
    time: Number(time),
    folder: folder as AtticName['folder'],
    reason: (reason as AtticReason | undefined) ?? null,
    name: before!,
  };
}
