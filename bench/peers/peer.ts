/** A server that is measured. */
export interface Peer {
  readonly name: string;
  /** Resolves when it answers requests. `folder` is not there yet, and is the peer's alone. */
  start(folder: string): Promise<RunningPeer>;
  /** Why it cannot run here, with what a person can do about it; undefined when it can. */
  missing(): string | undefined;
  /** Absent when nothing ever has to be installed. Needs the network, and root for Debian's packages. */
  install?(): void;
}

export interface RunningPeer {
  readonly address: { readonly host: string; readonly port: number };
  /** Where files are saved; encoded, ends with a slash. */
  readonly basePath: string;
  readonly processId: number;
  /** What exactly runs, for the report. */
  readonly description: string;
  /** The longest time since the last call in which the server's event loop stood still; absent where there is none. */
  longestStallMs?(): Promise<number>;
  stop(): Promise<void>;
}
