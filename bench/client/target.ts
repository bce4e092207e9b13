/** One running peer as the workloads see it: paths, connections, and requests that must succeed. */
import type { RunningPeer } from '../peers/peer.js';
import { Connection, type Exchange, type TimedAnswer } from './connection.js';

export class Target implements Disposable {
  readonly name: string;
  readonly processId: number;
  /** See RunningPeer. */
  readonly longestStallMs: RunningPeer['longestStallMs'];
  readonly #peer: RunningPeer;
  readonly #connections: Connection[] = [];
  readonly #prepared = new Set<string>();
  #names = 0;

  constructor(name: string, peer: RunningPeer) {
    this.name = name;
    this.processId = peer.processId;
    this.longestStallMs = peer.longestStallMs;
    this.#peer = peer;
  }

  /** The same ones each time, so that a turn does not begin with connecting. */
  connections(count: number): readonly Connection[] {
    while (this.#connections.length < count) this.#connections.push(new Connection(this.#peer.address));
    return this.#connections.slice(0, count);
  }

  get connection(): Connection {
    return this.connections(1)[0]!;
  }

  /** `name` needs no encoding. */
  path(name: string): string {
    return this.#peer.basePath + name;
  }

  /** As a Destination header wants it. */
  url(name: string): string {
    const { host, port } = this.#peer.address;
    return `http://${host}:${port}${this.path(name)}`;
  }

  freshName(stem: string): string {
    this.#names += 1;
    return `${stem}-${this.#names}`;
  }

  /** Does `work` once for this target, however many workloads need it. */
  async once(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#prepared.has(what)) return;
    await work();
    this.#prepared.add(what);
  }

  /** Throws unless the status is one of the expected ones (default: 200 to 299 but 207 only when asked for). */
  async must(exchange: Exchange, { on = this.connection, status }: MustOptions = {}): Promise<TimedAnswer> {
    const answer = await on.send(exchange);
    const isGood =
      status === undefined ? answer.status < 300 && answer.status !== 207 : [status].flat().includes(answer.status);
    if (isGood) return answer;
    throw new Error(`${this.name}: ${exchange.method} ${exchange.path} answered ${answer.status}`);
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}

export interface MustOptions {
  readonly on?: Connection;
  readonly status?: number | readonly number[];
}
