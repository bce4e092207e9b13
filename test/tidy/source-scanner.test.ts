import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOnly, functionLengths, referencesOf } from './source-scanner.js';

const specifiers = (source: string) => referencesOf(source).map(({ specifier }) => specifier);

test('every way to name a module is seen', () => {
  const source = [
    "import one from 'a';",
    "import { two, type Two } from './b.js';",
    "import type { Three } from './c.js';",
    "import './d.js';",
    "export * from './e.js';",
    "export { five } from './f.js';",
    "const lazy = await import('./g.js');",
    "const old = require('./h.cjs');",
    "const worker = new Worker(new URL('./i.js', import.meta.url));",
    "type Six = import('./j.js').Six;",
    'import {\n  seven,\n} from "./k.js";',
  ].join('\n');
  assert.deepEqual(specifiers(source), [
    'a',
    './b.js',
    './c.js',
    './d.js',
    './e.js',
    './f.js',
    './g.js',
    './h.cjs',
    './i.js',
    './j.js',
    './k.js',
  ]);
  const typeOnly = referencesOf(source).filter((reference) => reference.typeOnly);
  assert.deepEqual(
    typeOnly.map(({ specifier }) => specifier),
    ['./c.js', './j.js'],
  );
});

test('comments, strings and templates name no modules', () => {
  assert.deepEqual(specifiers("// import a from 'a';\n/* import('b') */\nconst c = \"import d from 'd';\";"), []);
  assert.deepEqual(specifiers("const a = `import b from 'b';`; Array.from('c');"), []);
});

test('code inside a template is code', () => {
  assert.match(codeOnly('`a ${Date.now() + `${setTimeout}`} b`'), /Date\.now\(\).*setTimeout/);
  assert.doesNotMatch(codeOnly('`a ${1} Date.now() ${{ a: 2 }} Math.random()`'), /Date|Math/);
});

test('patterns with quotes and slashes do not confuse what follows', () => {
  const code = codeOnly("const a = /['\"/]/.test(b) ? c / d : e / 'x'; Date.now(); // it's");
  assert.match(code, /Date\.now\(\)/);
  assert.doesNotMatch(code, /it's/);
  assert.match(codeOnly('return /[/"]/; Date.now();'), /Date\.now/);
});

test('what is blanked keeps its length and its lines', () => {
  const source = "/* a\n b */ 'x\\'y' `\n${1}\n` // z\n";
  const code = codeOnly(source);
  assert.equal(code.length, source.length);
  assert.equal(code.split('\n').length, source.split('\n').length);
});

test('what follows a short function is not taken for its body', () => {
  const source = 'function f(): Error {\n  return a();\n}\n\nclass C {\n  b;\n  c;\n  d;\n}\n';
  assert.deepEqual(functionLengths(source), [{ line: 1, lines: 3 }]);
});

test('functions of every form are measured, other blocks are not', () => {
  const body = '\n  a;\n  b;\n';
  for (const form of [
    `function f() {${body}}`,
    `async function f(a: { b: number }): Promise<void> {${body}}`,
    `const f = (a) => {${body}};`,
    `class C { async method(a = ')'): Promise<Map<string, number>> {${body}} }`,
    `class C { get value(): number {${body}} }`,
    `function f(): { readonly a: number } {${body}}`,
    `class C { #step(): void {${body}} }`,
  ]) {
    assert.deepEqual(
      functionLengths(form).map(({ lines }) => lines),
      [4],
      form,
    );
  }
  for (const form of [
    `if (a()) {${body}}`,
    `for await (const a of b()) {${body}}`,
    `switch (a(b)) {${body}}`,
    `class C extends D {${body}}`,
    `const a = {${body}};`,
    `call(a, {${body}});`,
    `interface I {${body}}`,
    `interface I { a(): B; }\n\nclass C {${body}}`,
    `try {${body}} finally {${body}}`,
  ]) {
    assert.deepEqual(functionLengths(form), [], form);
  }
});
