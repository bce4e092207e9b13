/** Randomness is passed in, so that a simulation repeats from its seed. Only this file touches node:crypto's generator. */
import { randomBytes } from 'node:crypto';

export interface Random {
  /** `lengthBytes` unpredictable bytes. */
  bytes(lengthBytes: number): Buffer;
}

export const systemRandom: Random = { bytes: (lengthBytes) => randomBytes(lengthBytes) };

/** 16 lower-case hex digits (64 bits): ids of nodes, epochs, writers, volumes. */
export function randomId(random: Random): string {
  return random.bytes(8).toString('hex');
}

/** RFC 9562 version 4 UUID from the passed generator. */
export function randomUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
