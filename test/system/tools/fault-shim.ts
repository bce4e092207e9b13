/** The preloaded fault shim (test/fault/faultshim.c): compiled into the workspace, then set up by its environment. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from './commands.js';
import type { Workspace } from './workspace.js';

// From dist/test/system/tools up to the repository.
const source = fileURLToPath(new URL('../../../../test/fault/faultshim.c', import.meta.url));

export interface Fault {
  /** Absolute; calls that change something below are counted. */
  readonly folders: readonly string[];
  /** Number of the call, from 1. */
  readonly at: number;
  readonly action: 'kill' | 'cut' | 'torn' | 'short' | 'hang' | { readonly errno: number };
  /** All later calls too. */
  readonly sticky?: boolean;
  /** A file that gets a line for each call that counts; it ends with ` !` where the fault struck. */
  readonly log?: string;
}

export class FaultShim {
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
  }

  static async compile(workspace: Workspace): Promise<FaultShim> {
    const library = join(workspace.path, 'faultshim.so');
    await mustRun('cc', ['-O2', '-shared', '-fPIC', '-o', library, source, '-ldl', '-lpthread']);
    return new FaultShim(library);
  }

  /** Nothing is struck; every call that counts is logged. */
  counting(folders: readonly string[], log: string): Record<string, string> {
    return { LD_PRELOAD: this.#library, FAULT_FOLDERS: folders.join(':'), FAULT_LOG: log, UV_USE_IO_URING: '0' };
  }

  /** For a program that arms its fault by itself, through the file `control`. */
  controlled(options: {
    readonly folders: readonly string[];
    readonly control: string;
    readonly log: string;
    readonly lie?: string | undefined;
  }): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAULT_FOLDERS: options.folders.join(':'),
      FAULT_CONTROL: options.control,
      FAULT_LOG: options.log,
      ...(options.lie === undefined ? {} : { FAULT_LIE: options.lie }),
      UV_USE_IO_URING: '0',
    };
  }

  environment(fault: Fault): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAULT_FOLDERS: fault.folders.join(':'),
      FAULT_AT: String(fault.at),
      FAULT_ACTION: typeof fault.action === 'string' ? fault.action : String(fault.action.errno),
      ...(fault.sticky ? { FAULT_STICKY: '1' } : {}),
      ...(fault.log === undefined ? {} : { FAULT_LOG: fault.log }),
      // Calls through io_uring would not be seen.
      UV_USE_IO_URING: '0',
    };
  }
}
