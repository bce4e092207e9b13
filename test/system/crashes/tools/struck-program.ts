/**
 * A program that is struck, with all its modules in one file: to load them one by one takes more of the processor than
 * most points do. So do the threads that it starts. Made once a test process, written into each workspace.
 */
import { existsSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin, stop } from 'esbuild';
import type { Workspace } from '../../tools/workspace.js';

// From dist/test/system/crashes/tools up to the repository.
const project = fileURLToPath(new URL('../../../../../', import.meta.url));
const dist = join(project, 'dist');
const programs = ['point-process', 'error-process'].map((name) => `test/system/crashes/tools/struck/${name}`);
/** What each opening starts; other threads begin with the module that stands in the build. */
const threads = ['src/meta/writer/writer-thread', 'src/meta/sqlite/index-jobs', 'src/store/write/hash-worker'];
const threadNames = new Set(threads.map((thread) => basename(thread)));

export class StruckProgram {
  /** What Node runs. */
  readonly path: string;
  readonly #maps: ReadonlyMap<string, SourceMap>;

  private constructor(path: string, maps: ReadonlyMap<string, SourceMap>) {
    this.path = path;
    this.#maps = maps;
  }

  static async write(workspace: Workspace, name: 'point-process' | 'error-process'): Promise<StruckProgram> {
    made ??= bundle();
    const files = await made;
    const folder = await workspace.folder('program');
    const packages = join(folder, 'node_modules');
    if (!existsSync(packages)) await symlink(join(project, 'node_modules'), packages);
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    for (const [file, { text }] of files) await writeFile(join(folder, file), text);
    const maps = [...files].map(([file, { map }]) => [join(folder, file), map] as const);
    return new StruckProgram(join(folder, `${name}.js`), new Map(maps));
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

type Files = ReadonlyMap<string, { readonly text: string; readonly map: SourceMap }>;
let made: Promise<Files> | undefined;

async function bundle(): Promise<Files> {
  const { outputFiles } = await build({
    entryPoints: [...programs, ...threads].map((name) => join(dist, `${name}.js`)),
    entryNames: '[name]',
    outdir: dist,
    write: false,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'external',
    logLevel: 'warning',
    plugins: [ownPlaces],
  });
  await stop();
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const names = [...texts.keys()].filter((name) => name.endsWith('.js'));
  return new Map(
    names.map((name) => [name, { text: texts.get(name)!, map: new SourceMap(JSON.parse(texts.get(`${name}.map`)!)) }]),
  );
}

/** A module in the bundle still knows where it stands in the build; only threads are taken from beside the bundle. */
const ownPlaces: Plugin = {
  name: 'own places',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/(src|test)\/.*\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace(
        /(new Worker\(new URL\()?(?:'\.\/([\w-]+)\.js', )?import\.meta\.url/g,
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
