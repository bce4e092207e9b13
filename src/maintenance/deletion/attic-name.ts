/** Names in a node's attic say what a file was and when it was moved there, so that it can be put back. */

export interface AtticName {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly folder: 'segments' | 'journal' | 'checkpoints';
  readonly name: string;
}

const pattern = /^(\d{15})\.(segments|journal|checkpoints)\.(.+)$/;

export function formatAtticName({ time, folder, name }: AtticName): string {
  return `${String(time).padStart(15, '0')}.${folder}.${name}`;
}

/** undefined for every other name. */
export function parseAtticName(name: string): AtticName | undefined {
  const match = pattern.exec(name);
  return match ? { time: Number(match[1]), folder: match[2] as AtticName['folder'], name: match[3]! } : undefined;
}
