/**
 * Stands in the place of a struck program, or of one of its threads, and runs its code, which lies beside it, from a cache of
 * V8's: to parse and compile it anew at each point would take a good part of the processor's time. With names of
 * files as arguments it makes their caches. A cache is good for one version and one set of flags of Node. This file is
 * bundled as CommonJS, which Node starts faster.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

const toCache = process.argv.slice(2);
/** What Node gives to a module. */
const parameters = 'require, module, exports, __filename';

if (toCache.length > 0) for (const file of toCache) makeCache(file);
else run(codeOf(__filename));

function codeOf(file: string): string {
  return file.replace(/\.js$/, '.code.js');
}

function cacheOf(code: string): string {
  return `${code}.cache`;
}

function compile(code: string, cachedData?: Buffer): Script {
  // The first line keeps its number.
  return new Script(`(function (${parameters}) {${readFileSync(code, 'utf8')}\n})`, { filename: code, cachedData });
}

function makeCache(file: string): void {
  const code = codeOf(file);
  // Loaded here alone: that takes some milliseconds.
  const { setFlagsFromString } = createRequire(__filename)('node:v8') as typeof import('node:v8');
  // Otherwise it would hold no function that was not called yet.
  setFlagsFromString('--no-lazy');
  const script = compile(code);
  setFlagsFromString('--lazy');
  writeFileSync(cacheOf(code), script.createCachedData());
}

function run(code: string): void {
  const script = compile(code, readFileSync(cacheOf(code)));
  if (script.cachedDataRejected)
    throw new Error(`the code cache of ${code} is that of another Node, or of other flags`);
  const module = { exports: {} };
  script.runInThisContext()(createRequire(__filename), module, module.exports, __filename);
}
