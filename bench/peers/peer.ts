/** A server that is measured. */
export interface Peer {
  readonly name: string;
  /** undefined when it is not installed here; then `missing` says what to do. */
  start(folder: string): Promise<RunningPeer>;
  /** Why it cannot run here, undefined when it can. */
  missing(): string | undefined;
}

export interface RunningPeer {
  readonly address: { readonly host: string; readonly port: number };
  /** Where files are saved; encoded, ends with a slash. */
  readonly basePath: string;
  readonly processId: number;
  /** What exactly runs, for the report. */
  readonly description: string;
  stop(): Promise<void>;
}
