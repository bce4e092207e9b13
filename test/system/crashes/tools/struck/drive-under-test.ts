/** The drive that a point opens, closes and verifies, in the process that the faults strike. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SafetyParameters } from '../../../../../src/core/safety-parameters.js';
import { systemContext } from '../../../../../src/drive/drive-context.js';
import { openDrive } from '../../../../../src/drive.js';
import type { Drive } from '../../../../../src/drive-contract.js';
import { type Change, differences, possibleTrees, type Tree, within } from '../tree.js';
import { crashSafety, fastClock } from './fast-clock.js';
import { change, readAll } from './tree-on-drive.js';
import type { World } from './workloads.js';

/** More often, the looking itself would be a good part of the work. */
const lookEveryMs = 10;

export interface DriveUnderTestOptions {
  readonly directory: string;
  readonly nodePaths: readonly string[];
  /** How many times faster its clock goes. */
  readonly speed: number;
  readonly safety?: Partial<SafetyParameters>;
  /** Longest wait for a state of the drive. */
  readonly waitMs: number;
}

export interface VerifyOptions {
  /** Folders of the root that are read; default: all. */
  readonly onlyBelow?: readonly string[] | undefined;
  readonly mustCheck: boolean;
}

export interface ChangeListener {
  begun(number: number, change: Change): void;
  done(number: number): void;
}

export class DriveUnderTest {
  readonly events: string[] = [];
  readonly #options: DriveUnderTestOptions;
  #drive: Drive | undefined;
  #changes = 0;

  constructor(options: DriveUnderTestOptions) {
    this.#options = options;
  }

  get drive(): Drive {
    if (!this.#drive) throw new Error('the drive is closed');
    return this.#drive;
  }

  get isOpen(): boolean {
    return this.#drive !== undefined;
  }

  async open(): Promise<void> {
    const { speed, safety, directory } = this.#options;
    const context = {
      ...systemContext,
      clock: fastClock(speed),
      safety: { ...crashSafety(speed), ...safety },
    };
    const onEvent = ({ level, message }: { level: string; message: string }) =>
      void this.events.push(`${level}: ${message}`);
    this.#drive = await openDrive({ directory, onEvent }, context);
  }

  async close(): Promise<void> {
    const drive = this.#drive;
    this.#drive = undefined;
    await drive?.close();
  }

  /** Which of the possible trees is there; throws when it is none of them. */
  async verify(acknowledged: Tree, underWay: readonly Change[], options: VerifyOptions): Promise<number> {
    const { onlyBelow } = options;
    const found = await readAll(this.drive.volume, onlyBelow);
    const possible = possibleTrees(acknowledged, underWay).map((tree) => (onlyBelow ? within(tree, onlyBelow) : tree));
    const which = possible.findIndex((tree) => differences(tree, found).length === 0);
    if (which === -1) {
      const least = possible.map((tree) => differences(tree, found)).sort((a, b) => a.length - b.length)[0]!;
      const pending = underWay.map((one) => JSON.stringify(one)).join(', ') || 'nothing';
      throw new Error(`not what was acknowledged (${pending} was under way): ${least.join('; ')}`);
    }
    const { findings } = options.mustCheck ? await this.drive.check() : { findings: [] };
    if (findings.length > 0) throw new Error(`check found: ${findings.join('; ')}`);
    return which;
  }

  /** A node that is thought to be full is trouble too: the next one would leave too few. */
  async isWhole(): Promise<boolean> {
    const { health, nodes } = await this.drive.status();
    return health === 'good' && nodes.every(({ state, behind }) => state === 'online' && behind === 0);
  }

  /** Whether a node was thought to have no room when it was asked last. */
  async isFull(): Promise<boolean> {
    const { nodes } = await this.drive.status();
    return nodes.some(({ state }) => state === 'full');
  }

  async until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + this.#options.waitMs;
    while (!(await isSo())) {
      if (performance.now() > deadline) {
        throw new Error(`waited in vain until ${what}: ${JSON.stringify(await this.#drive?.status())}`);
      }
      await sleep(lookEveryMs);
    }
  }

  world(folder: string, listener: ChangeListener): World {
    const drive = () => this.drive;
    const changeOne = async (wanted: Change) => {
      const number = ++this.#changes;
      listener.begun(number, wanted);
      await change(this.drive.volume, wanted);
      listener.done(number);
    };
    return {
      get drive() {
        return drive();
      },
      folder,
      nodePaths: this.#options.nodePaths,
      change: changeOne,
      changeTogether: async (changes) => {
        const results = await Promise.allSettled(changes.map(changeOne));
        for (const result of results) if (result.status === 'rejected') throw result.reason;
      },
      reopen: async () => {
        await this.close();
        await this.open();
      },
      close: () => this.close(),
      until: (what, isSo) => this.until(what, isSo),
    };
  }
}
