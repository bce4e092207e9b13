/**
 * Runs in a thread of its own: scrypt takes 0.1 s, and libuv's threads are there for files. One at a time, and behind
 * everything else that wants a processor.
 */
import { scryptSync } from 'node:crypto';
import { constants, getPriority, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { systemPlatform } from '../../core/platform.js';

export interface HashTask {
  readonly id: number;
  readonly password: string;
  readonly salt: Uint8Array;
  readonly cost: ScryptCost;
}

export interface HashResult {
  readonly id: number;
  readonly key: Uint8Array;
}

/** RFC 7914: N is 2^`logN`. */
export interface ScryptCost {
  readonly logN: number;
  readonly blocks: number;
  readonly parallel: number;
}

const keyBytes = 32;
/** Of Linux's 40 steps: some tenth of a processor is left to it beside each thread that wants one. */
const stepsBehind = 10;

// Linux takes 0 for the calling thread; elsewhere it is the whole process. The process itself may have been started low.
if (parentPort && systemPlatform.name === 'linux') {
  setPriority(0, Math.min(constants.priority.PRIORITY_LOW, getPriority(0) + stepsBehind));
}

parentPort?.on('message', ({ id, password, salt, cost }: HashTask) => {
  const { logN, blocks, parallel } = cost;
  const N = 2 ** logN;
  // What the algorithm needs, and some room: Node refuses costs that need more than this.
  const maxmem = 128 * N * blocks + 1024 * 1024 * parallel;
  const key = scryptSync(password, salt, keyBytes, { N, r: blocks, p: parallel, maxmem });
  parentPort?.postMessage({ id, key } satisfies HashResult);
});
