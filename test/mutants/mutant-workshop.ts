/**
 * A copy of the project in which mutants are built and tested, one after the other, so that nothing planted ever lies
 * in the checkout. Building is incremental: a mutant costs some seconds.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutants.js';

const project = fileURLToPath(new URL('../../..', import.meta.url));
/** For a file of tests. Running out of it proves nothing: the machine may be busy. */
const fileLimitMs = 600_000;

export interface Verdict {
  /** The first test that failed, as `file: name`; undefined when none did. */
  readonly caughtBy: string | undefined;
  readonly seconds: number;
}

export class MutantWorkshop {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(): Promise<MutantWorkshop> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-mutants-'));
    const workshop = new MutantWorkshop(folder);
    try {
      for (const name of ['src', 'test', 'bench', 'package.json', 'tsconfig.json'])
        await cp(join(project, name), join(folder, name), { recursive: true });
      await symlink(join(project, 'node_modules'), join(folder, 'node_modules'));
      await workshop.#build();
      return workshop;
    } catch (error) {
      await workshop.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Plants it, builds, asks its tests, and takes it out again. */
  async judge(mutant: Mutant): Promise<Verdict> {
    const started = performance.now();
    const originals = new Map<string, string>();
    try {
      for (const { file, find, replace } of mutant.edits) {
        const path = join(this.#folder, 'src', file);
        const before = await readFile(path, 'utf8');
        if (!originals.has(path)) originals.set(path, before);
        if (before.split(find).length !== 2) throw new Error(`src/${file} does not hold this exactly once: ${find}`);
        await writeFile(
          path,
          before.replace(find, () => replace),
        );
      }
      await this.#build();
      const caughtBy = await this.#firstFailure(mutant.tests);
      return { caughtBy, seconds: (performance.now() - started) / 1000 };
    } finally {
      for (const [path, text] of originals) await writeFile(path, text);
    }
  }

  async #build(): Promise<void> {
    const compiler = join(project, 'node_modules', '.bin', 'tsc');
    const { code, output } = await runToEnd(compiler, ['-p', '.', '--noUnusedLocals', 'false'], this.#folder);
    if (code !== 0) throw new Error(`the mutant does not compile:\n${output}`);
  }

  async #firstFailure(tests: readonly string[]): Promise<string | undefined> {
    for (const test of tests) {
      const file = join('dist', 'test', `${test}.test.js`);
      const parameters = ['--test', '--test-reporter=tap', `--test-timeout=${fileLimitMs}`, file];
      const { code, output } = await runToEnd(process.execPath, parameters, this.#folder);
      if (code === 0) continue;
      const failed = [...output.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name]) => name);
      // The innermost failure is told first.
      // The innermost failure is told first; a file fails by its own path when it ends or is ended without one.
      const [name] = failed;
      if (name === undefined || name.endsWith('.test.js'))
        throw new Error(`${test} could not be judged:\n${output.slice(-2_000)}`);
      return `${test}: ${name}`;
    }
    return undefined;
  }
}

function runToEnd(
  command: string,
  parameters: readonly string[],
  cwd: string,
): Promise<{ code: number | null; output: string }> {
  // Set by the runner of this very test: with it the inner runner would report to the outer one.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(parts).toString() }));
  });
}
