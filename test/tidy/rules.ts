/** The house rules as pure functions over the sources, so that each can be shown to fail. */
import { posix } from 'node:path';
import { layerOf, layers, owners } from './layers.js';
import { codeOnly, functionLengths, lineAt, type ModuleReference, referencesOf } from './source-scanner.js';

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly rule: string;
  /** File or folder. */
  readonly file: string;
  readonly line: number | null;
  readonly message: string;
  /** Lines or files, where the rule is a limit. */
  readonly measure?: number;
}

export type Rule = (files: readonly SourceFile[]) => Violation[];

export const limits = { fileLines: 400, fileLinesNoted: 250, functionLines: 70, folderFiles: 12 };

/** One file each by design. */
const largeFolders = ['src/webdav/methods', 'src/cli/commands'];

const inSource = (file: SourceFile): boolean => file.path.startsWith('src/');
const isCode = (file: SourceFile): boolean => /\.(ts|cts|mjs)$/.test(file.path);

export const layerRule: Rule = (files) =>
  files.filter(inSource).flatMap((file) => {
    const layer = layerOf(file.path);
    if (layer === undefined) return [violation('layers', file, 1, 'stands in no folder of the tree')];
    return referencesOf(file.text)
      .filter(({ specifier }) => specifier.startsWith('.'))
      .flatMap((reference) => judgeImport(file, layer, reference));
  });

function judgeImport(file: SourceFile, layer: string, { specifier, line, typeOnly }: ModuleReference): Violation[] {
  const target = posix.join(posix.dirname(file.path), specifier);
  if (!/\.c?js$/.test(target) && specifier.endsWith('/')) return [];
  const other = target.startsWith('src/') ? layerOf(target.replace(/js$/, 'ts')) : undefined;
  if (other === undefined) return [violation('layers', file, line, `${specifier} leads out of the tree`)];
  if (other === layer) return [];
  const allowed = layers[layer]!;
  if (!allowed.includes(other)) {
    return [
      violation('layers', file, line, `${layer} may not import ${other} (only ${allowed.join(', ') || 'itself'})`),
    ];
  }
  if (layer === 'webdav' && other === 'volume' && !typeOnly) {
    return [
      violation('layers', file, line, 'webdav takes types from volume, its objects are passed in: use import type'),
    ];
  }
  return [];
}

export const ownerRule: Rule = (files) =>
  files.filter(inSource).flatMap((file) =>
    referencesOf(file.text).flatMap(({ specifier, line }) => {
      const name = specifier.startsWith('node:') ? specifier : specifier.split('/')[0]!;
      const allowed = owners[name];
      if (allowed === undefined || allowed.includes(file.path) || allowed.includes(layerOf(file.path) ?? '')) return [];
      return [violation('owners', file, line, `${specifier} belongs to ${allowed.join(', ') || 'nobody'}`)];
    }),
  );

export const fileSizeRule: Rule = (files) =>
  files.filter(isCode).flatMap((file) => {
    const lines = lineCount(file);
    if (lines <= limits.fileLines) return [];
    return [{ ...violation('file-size', file, null, `${lines} lines, at most ${limits.fileLines}`), measure: lines }];
  });

/** Not a violation: to be explained or divided some day. */
export function largeFiles(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file) && lineCount(file) > limits.fileLinesNoted)
    .map((file) => `${file.path}: ${lineCount(file)} lines`);
}

/** Tests excepted: a suite is one long function. */
export const functionSizeRule: Rule = (files) =>
  files
    .filter((file) => isCode(file) && !file.path.startsWith('test/'))
    .flatMap((file) =>
      functionLengths(file.text)
        .filter(({ lines }) => lines > limits.functionLines)
        .map(({ line, lines }) => ({
          ...violation('function-size', file, line, `a function of ${lines} lines, at most ${limits.functionLines}`),
          measure: lines,
        })),
    );

export const folderSizeRule: Rule = (files) => {
  const counts = new Map<string, number>();
  for (const file of files.filter((file) => isCode(file) && !file.path.startsWith('test/'))) {
    const folder = posix.dirname(file.path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([folder, count]) => count > limits.folderFiles && !largeFolders.includes(folder))
    .map(([folder, count]) => ({
      rule: 'folder-size',
      file: folder,
      line: null,
      message: `${count} files, at most ${limits.folderFiles}: divide it`,
      measure: count,
    }));
};

interface BannedCall {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Files of src where it is right. */
  readonly allowed: RegExp;
}

const nowhere = /^$/;
const clock = /^src\/core\/clock\.ts$/;
const bannedCalls: readonly BannedCall[] = [
  { pattern: /\bDate\.now\b/g, instead: 'clock.now() of the Clock passed in', allowed: clock },
  { pattern: /\bnew Date\(\s*\)/g, instead: 'new Date(clock.now())', allowed: clock },
  { pattern: /\bperformance\.now\b/g, instead: 'clock.monotonic()', allowed: clock },
  { pattern: /\bsetTimeout\b/g, instead: 'clock.schedule() or clock.sleep()', allowed: clock },
  { pattern: /\bsetInterval\b/g, instead: 'clock.schedule(), made anew each time', allowed: clock },
  { pattern: /\bAbortSignal\.timeout\b/g, instead: 'clock.schedule() and an AbortController', allowed: clock },
  { pattern: /\bMath\.random\b/g, instead: 'the Random passed in', allowed: nowhere },
  {
    pattern: /\b(randomBytes|randomUUID|randomInt|randomFill(Sync)?|getRandomValues)\b/g,
    instead: 'the Random passed in (core/random.ts)',
    allowed: /^src\/core\/random\.ts$/,
  },
  { pattern: /\bconsole\.\w+/g, instead: "the drive's events, or the Terminal in cli", allowed: /^src\/cli\// },
  { pattern: /\bprocess\.exit\b/g, instead: 'an exit code returned to main.ts', allowed: /^src\/main\.ts$/ },
  {
    pattern: /\bprocess\.env\b/g,
    instead: 'an option passed down from main.ts or config',
    allowed: /^src\/(main\.ts|launch\.cts|config\/)/,
  },
  {
    pattern: /\bprocess\.argv\b/g,
    instead: 'an option passed down from main.ts',
    allowed: /^src\/(main\.ts|config\/)/,
  },
  { pattern: /\bexistsSync\b/g, instead: 'doing it and handling FILE_MISSING', allowed: nowhere },
  { pattern: /\bexport\s+default\b/g, instead: 'a named export', allowed: nowhere },
];

export const bannedCallRule: Rule = (files) =>
  files.filter(inSource).flatMap((file) => {
    const code = codeOnly(file.text);
    return bannedCalls
      .filter(({ allowed }) => !allowed.test(file.path))
      .flatMap(({ pattern, instead }) =>
        [...code.matchAll(pattern)].map((match) =>
          violation('banned-calls', file, lineAt(code, match.index), `${match[0].trim()}: use ${instead}`),
        ),
      );
  });

/** A test that runs alone, or with chance of its own, is a trap for the next reader. */
export const testRule: Rule = (files) =>
  files
    .filter((file) => file.path.startsWith('test/') && isCode(file))
    .flatMap((file) => {
      const code = codeOnly(file.text);
      return [...code.matchAll(/\b(?:test|it|describe|suite)\.only\b|\bonly:\s*true|\bMath\.random\b/g)].map((match) =>
        violation('tests', file, lineAt(code, match.index), `${match[0]} is not for committed tests`),
      );
    });

const bannedNames = ['util', 'utils', 'helper', 'helpers', 'common', 'misc', 'manager', 'base'];

export const nameRule: Rule = (files) =>
  files.filter(isCode).flatMap((file) => {
    const violations: Violation[] = [];
    for (const part of file.path.replace(/(\.test)?\.\w+$/, '').split('/')) {
      if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part)) {
        violations.push(violation('names', file, null, `${part} is not kebab-case`));
      }
      const banned = part.split('-').find((word) => bannedNames.includes(word));
      if (banned !== undefined)
        violations.push(violation('names', file, null, `"${banned}" says nothing: say what it does`));
    }
    if (/\/index\.c?ts$/.test(file.path) && file.path !== 'src/index.ts') {
      violations.push(violation('names', file, null, 'only src/index.ts gathers exports of others'));
    }
    return violations;
  });

const entryPoints = ['src/launch.cts', 'src/main.ts', 'src/index.ts'];

/** Files of src that no entry point leads to. */
export const deadFileRule: Rule = (files) => {
  const source = new Map(files.filter(inSource).map((file) => [file.path, file]));
  const alive = new Set<string>();
  const visit = (path: string): void => {
    const file = source.get(path);
    if (file === undefined || alive.has(path)) return;
    alive.add(path);
    for (const { specifier } of referencesOf(file.text)) {
      if (specifier.startsWith('.')) visit(posix.join(posix.dirname(path), specifier).replace(/js$/, 'ts'));
    }
  };
  for (const path of entryPoints) visit(path);
  return [...source.values()]
    .filter((file) => !alive.has(file.path))
    .map((file) => violation('dead-files', file, null, 'no entry point leads here'));
};

// Put together from parts, so that this file does not find itself.
const privateText: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(`/${'work'}/(main|shared)\\b|/${'root'}/|/home/(${'runner'}|ubuntu|node)/|/Users/[a-z]`),
    'a path of one machine',
  ],
  [new RegExp(`-----${'BEGIN'} [A-Z ]*PRIVATE KEY`), 'a private key'],
  [
    new RegExp(`\\b(${'AKIA'}[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|npm_[A-Za-z0-9]{36}|xox[bp]-[0-9A-Za-z-]{20})`),
    'a secret',
  ],
  [new RegExp(`_auth${'Token'}|_${'password'}\\s*=`), 'a secret of a package registry'],
];

/** For all tracked text files, not only code. */
export const privateTextRule: Rule = (files) =>
  files.flatMap((file) =>
    file.text
      .split('\n')
      .flatMap((text, index) =>
        privateText
          .filter(([pattern]) => pattern.test(text))
          .map(([, what]) => violation('private-text', file, index + 1, `holds ${what}`)),
      ),
  );

export const codeRules: Readonly<Record<string, Rule>> = {
  layers: layerRule,
  owners: ownerRule,
  'file-size': fileSizeRule,
  'function-size': functionSizeRule,
  'folder-size': folderSizeRule,
  'banned-calls': bannedCallRule,
  tests: testRule,
  names: nameRule,
  'dead-files': deadFileRule,
};

function violation(rule: string, file: SourceFile, line: number | null, message: string): Violation {
  return { rule, file: file.path, line, message };
}

function lineCount(file: SourceFile): number {
  return file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
}
