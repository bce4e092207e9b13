/** The operator's file, held in memory and written with each change. */
import {
  emptyOperatorFile,
  type OperatorFile,
  readOperatorFile,
  writeOperatorFile,
} from '../../config/operator-file.js';
import { Mutex } from '../../core/mutex.js';
import type { DriveContext } from '../drive-context.js';

export class OperatorSettings {
  private readonly context: DriveContext;
  private readonly directory: string;
  private readonly turns = new Mutex();
  private file: OperatorFile;

  private constructor(context: DriveContext, directory: string, file: OperatorFile) {
    this.context = context;
    this.directory = directory;
    this.file = file;
  }

  static async open(
    context: DriveContext,
    directory: string,
    onTrouble: (problem: string) => void,
  ): Promise<OperatorSettings> {
    return new OperatorSettings(context, directory, await readOperatorFile(context.fileIo, directory, onTrouble));
  }

  /** For drives without a directory of their own (simulations): nothing is set, and nothing is kept. */
  static none(context: DriveContext): OperatorSettings {
    return new OperatorSettings(context, '', emptyOperatorFile);
  }

  get current(): OperatorFile {
    return this.file;
  }

  /** Holds at once, and is durable when this resolves. */
  async change(changes: Partial<OperatorFile>): Promise<void> {
    this.file = { ...this.file, ...changes };
    if (this.directory === '') return;
    await this.turns.run(() => writeOperatorFile(this.context.fileIo, this.directory, this.file));
  }
}
