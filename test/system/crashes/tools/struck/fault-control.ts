/** The running program's side of the fault shim's control file (test/fault/faultshim.c says what lies where). */
import { openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

export type FaultName = 'kill' | 'cut' | 'torn' | 'short' | 'hang' | ErrnoName;
export type ErrnoName = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EROFS' | 'ENXIO' | 'ESTALE' | 'EINTR' | 'EAGAIN' | 'EMFILE';

const actions = { kill: -1, cut: -2, torn: -3, short: -4, hang: -5 } as const;
const numberBytes = 8;
const fieldCount = 8;
const field = { calls: 0, at: 1, action: 2, later: 3, strikes: 4, folders: 5, seen: 6 } as const;

/**
 * Which calls fail behind the struck one: none, so many, or all until the fault is taken away. The system's libraries
 * repeat what was interrupted by themselves, so EINTR for good would be a busy loop of theirs.
 */
export type Lasting = 'once' | 'a-while' | 'for-good';
const laterCalls: Readonly<Record<Lasting, number>> = { once: 0, 'a-while': 99, 'for-good': Number.MAX_SAFE_INTEGER };

export interface ArmedFault {
  /** Number of the call, from 1, counted from now on. */
  readonly at: number;
  readonly action: FaultName;
  /** Default: once. */
  readonly lasting?: Lasting | undefined;
  /** Indexes into the shim's folders; default: all. */
  readonly folders?: readonly number[] | undefined;
}

export class FaultControl {
  readonly #descriptor: number;

  /** The file must have been made before the program began (`FaultControl.make`). */
  constructor(path: string) {
    this.#descriptor = openSync(path, 'r+');
  }

  static make(path: string): void {
    writeFileSync(path, Buffer.alloc(numberBytes * fieldCount));
  }

  arm({ at, action, lasting = 'once', folders = [] }: ArmedFault): void {
    const code = action in actions ? actions[action as keyof typeof actions] : constants.errno[action as ErrnoName];
    this.#write(field.at, 0);
    this.#write(field.calls, 0);
    this.#write(field.strikes, 0);
    this.#write(field.action, code);
    this.#write(field.later, laterCalls[lasting]);
    this.#write(
      field.folders,
      folders.reduce((bits, index) => bits | (1 << index), 0),
    );
    this.#write(field.at, at);
  }

  /** A call that hangs goes on now. */
  disarm(): void {
    this.#write(field.at, 0);
  }

  /** Counted since `arm`. */
  get calls(): number {
    return this.#read(field.calls);
  }

  get strikes(): number {
    return this.#read(field.strikes);
  }

  /** Calls since the program began, wherever they went. */
  get seen(): number {
    return this.#read(field.seen);
  }

  #write(index: number, value: number): void {
    const bytes = Buffer.alloc(numberBytes);
    bytes.writeBigInt64LE(BigInt(value));
    writeSync(this.#descriptor, bytes, 0, numberBytes, index * numberBytes);
  }

  #read(index: number): number {
    const bytes = Buffer.alloc(numberBytes);
    readSync(this.#descriptor, bytes, 0, numberBytes, index * numberBytes);
    return Number(bytes.readBigInt64LE());
  }
}
