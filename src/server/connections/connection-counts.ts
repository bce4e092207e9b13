/**
 * How many connections one address may have open. Node bounds them all together, so without this one address could
 * take every place. Programs on this computer are not counted: a mounted drive has many, and they are its owner's.
 */
import type { Socket } from 'node:net';
import { isLoopbackAddress } from '../host-rules.js';

/** Explorer and browsers open some ten, synchronizing programs up to thirty; several people may share an address. */
const connectionsOfAddress = 64;

export class ConnectionCounts {
  readonly #counts = new Map<string, number>();

  /** Cuts the connection and gives false when its address has too many. */
  admit(socket: Socket): boolean {
    const { remoteAddress: address } = socket;
    if (address === undefined || isLoopbackAddress(address)) return true;
    const count = (this.#counts.get(address) ?? 0) + 1;
    if (count > connectionsOfAddress) {
      socket.destroy();
      return false;
    }
    this.#counts.set(address, count);
    socket.once('close', () => {
      const left = (this.#counts.get(address) ?? 1) - 1;
      if (left > 0) this.#counts.set(address, left);
      else this.#counts.delete(address);
    });
    return true;
  }
}
