/**
 * A program that is struck, with all its modules in one file that is compiled already: to load them one by one takes more of
 * the processor than most points do. So do the threads that it starts. Made once a test process, written into each workspace.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin, stop } from 'esbuild';
import { mustRun } from '../../tools/commands.js';
import type { Workspace } from '../../tools/workspace.js';

// From dist/test/system/crashes/tools up to the repository.
const project = fileURLToPath(new URL('../../../../../', import.meta.url));
const dist = join(project, 'dist');
const programs = ['point-process', 'error-process'].map((name) => `test/system/crashes/tools/struck/${name}`);
/** What each opening starts; other threads begin with the module that stands in the build. */
const threads = ['src/meta/writer/writer-thread', 'src/meta/sqlite/index-jobs', 'src/store/write/hash-worker'];
const threadNames = new Set(threads.map((thread) => basename(thread)));
const start = 'test/system/crashes/tools/struck/cached-start';

export class StruckProgram {
  /** What Node runs: without flags of V8, for with them it would compile its own modules anew as well. */
  readonly path: string;
  readonly #maps: ReadonlyMap<string, SourceMap>;

  private constructor(path: string, maps: ReadonlyMap<string, SourceMap>) {
    this.path = path;
    this.#maps = maps;
  }

  static async write(workspace: Workspace, name: 'point-process' | 'error-process'): Promise<StruckProgram> {
    const folder = await workspace.folder('program');
    made ??= bundle(folder);
    const { files, maps } = await made;
    for (const [file, content] of files) await writeFile(join(folder, file), content);
    return new StruckProgram(
      join(folder, `${name}.js`),
      new Map([...maps].map(([file, map]) => [join(folder, file), map])),
    );
  }

  /** A text with stacks, in which the places are those of the source. */
  withSources(text: string): string {
    return text.replace(/(?:file:\/\/)?(\/[^\s()]+\.js):(\d+):(\d+)/g, (place, path: string, line, column) => {
      const entry = this.#maps.get(path)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (!entry || !('originalSource' in entry)) return place;
      return `${join(dist, entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  }
}

interface Made {
  readonly files: ReadonlyMap<string, string | Buffer>;
  readonly maps: ReadonlyMap<string, SourceMap>;
}
let made: Promise<Made> | undefined;

/** `folder` is where it compiles. */
async function bundle(folder: string): Promise<Made> {
  const { outputFiles } = await build({
    entryPoints: [...programs, ...threads, start].map((name) => join(dist, `${name}.js`)),
    entryNames: '[name]',
    outdir: dist,
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    define: { 'import.meta.url': 'ownUrl' },
    banner: { js: "const ownUrl = require('node:url').pathToFileURL(__filename).href;" },
    sourcemap: 'external',
    logLevel: 'warning',
    plugins: [ownPlaces],
  });
  await stop();
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const names = [...programs, ...threads].map((name) => basename(name));
  const files = new Map<string, string | Buffer>();
  for (const name of names) {
    files.set(`${name}.js`, texts.get(`${basename(start)}.js`)!);
    files.set(`${name}.code.js`, texts.get(`${name}.js`)!);
  }
  for (const [file, content] of files) await writeFile(join(folder, file), content);
  const starts = names.map((name) => join(folder, `${name}.js`));
  await mustRun(process.execPath, [starts[0]!, ...starts], { env: { NODE_OPTIONS: '' } });
  const maps = new Map<string, SourceMap>();
  for (const name of names) {
    const cache = `${name}.code.js.cache`;
    files.set(cache, await readFile(join(folder, cache)));
    maps.set(`${name}.code.js`, new SourceMap(JSON.parse(texts.get(`${name}.js.map`)!)));
  }
  return { files, maps };
}

/** A module in the bundle still knows where it stands in the build; only threads are taken from beside the bundle. */
const ownPlaces: Plugin = {
  name: 'own places',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/(src|test)\/.*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(
        /(new (?:Worker|SpareThread)\(new URL\()?(?:'\.\/([\w-]+)\.js', )?import\.meta\.url/g,
        (whole, worker: string | undefined, named: string | undefined) => {
          const thread = named ?? basename(path, '.js');
          if (worker && threadNames.has(thread)) return `${worker}'./${thread}.js', import.meta.url`;
          return whole.replace('import.meta.url', JSON.stringify(pathToFileURL(path).href));
        },
      );
      return { contents };
    });
  },
};
