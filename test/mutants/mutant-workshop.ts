/**
 * A copy of the project's build in which mutants are planted and tested, one after the other, so that nothing planted ever
 * lies in the checkout. Only what a mutant edits is compiled: laid among the build, it meets the others' declarations.
 */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mutant, simulation } from './mutants.js';

const project = fileURLToPath(new URL('../../..', import.meta.url));
/** For a file of tests. Running out of it proves nothing: the machine may be busy. */
const fileLimitMs = 1_200_000;
const failure = /^ *not ok \d+ - (.*)\n/m;

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
      // Some tests read sources.
      for (const name of ['src', 'test', 'dist/src', 'dist/test', 'package.json', 'tsconfig.json'])
        await cp(join(project, name), join(folder, name), { recursive: true });
      await mkdir(workshop.#temporary);
      await symlink(join(project, 'node_modules'), join(folder, 'node_modules'));
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
    const texts = await this.#edited(mutant);
    const built = join(this.#folder, 'dist', 'src');
    const sources = [...texts.keys()].map((file) => join(built, file));
    const programs = sources.map((source) => source.replace(/\.ts$/, '.js'));
    const originals = await Promise.all(programs.map((program) => readFile(program)));
    try {
      for (const [file, text] of texts) await writeFile(join(built, file), text);
      await this.#build(sources);
      const caughtBy = await this.#firstFailure(mutant.tests);
      return { caughtBy, seconds: (performance.now() - started) / 1000 };
    } finally {
      for (const source of sources) await rm(source, { force: true });
      for (const [index, program] of programs.entries()) await writeFile(program, originals[index]!);
    }
  }

  /** What the mutant makes of sources, by their path below src. */
  async #edited({ edits }: Mutant): Promise<ReadonlyMap<string, string>> {
    const texts = new Map<string, string>();
    for (const { file, find, replace } of edits) {
      const before = texts.get(file) ?? (await readFile(join(this.#folder, 'src', file), 'utf8'));
      if (before.split(find).length !== 2) throw new Error(`src/${file} does not hold this exactly once: ${find}`);
      texts.set(
        file,
        before.replace(find, () => replace),
      );
    }
    return texts;
  }

  /** Goes with the workshop, whatever a test that was ended has left there. */
  get #temporary(): string {
    return join(this.#folder, 'temporary');
  }

  async #build(sources: readonly string[]): Promise<void> {
    const compiler = join(project, 'node_modules', '.bin', 'tsc');
    const settings = {
      extends: './tsconfig.json',
      compilerOptions: {
        rootDir: 'dist',
        outDir: 'dist',
        incremental: false,
        tsBuildInfoFile: null,
        declaration: false,
        noUnusedLocals: false,
      },
      include: [],
      files: sources,
    };
    await writeFile(join(this.#folder, 'mutant.json'), JSON.stringify(settings));
    const { code, output } = await run(compiler, ['-p', 'mutant.json'], { cwd: this.#folder });
    if (code !== 0) throw new Error(`the mutant does not compile:\n${output}`);
  }

  async #firstFailure(tests: readonly string[]): Promise<string | undefined> {
    for (const test of tests) {
      const file = join('dist', 'test', `${test}.test.js`);
      const { code, output } = await run(process.execPath, ['--test-reporter=tap', file], {
        cwd: this.#folder,
        temporary: this.#temporary,
        timeout: fileLimitMs,
        // One failure is enough. The simulation takes its files out of /dev/shm when it ends by itself.
        ...(test === simulation ? {} : { until: failure }),
      });
      if (code === 0) continue;
      // The innermost failure is told first.
      const [, name] = failure.exec(output) ?? [];
      if (name === undefined) throw new Error(`${test} could not be judged:\n${output.slice(-2_000)}`);
      return `${test}: ${name}`;
    }
    return undefined;
  }
}

interface RunOptions {
  readonly cwd: string;
  readonly temporary?: string;
  readonly timeout?: number;
  /** It is ended as soon as its output holds this. */
  readonly until?: RegExp;
}

function run(
  command: string,
  parameters: readonly string[],
  { cwd, temporary, timeout, until }: RunOptions,
): Promise<{ code: number | null; output: string }> {
  // Set by the runner of this very test: with it the inner runner would report to the outer one.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = temporary === undefined ? inherited : { ...inherited, TMPDIR: temporary };
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, {
      cwd,
      env,
      timeout,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const read = (text: string) => {
      output += text;
      if (until?.test(output)) child.kill('SIGKILL');
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
