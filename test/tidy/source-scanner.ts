/**
 * Reads TypeScript just well enough to check house rules: which modules a file names, where its code (not comments,
 * strings or patterns) says what, how long its functions are. No parser: TypeScript 7 has none to offer.
 */

export interface ModuleReference {
  readonly specifier: string;
  readonly line: number;
  /** `import type`, `export type ... from`, or `import('...').Name` in a type. */
  readonly typeOnly: boolean;
}

export interface FunctionLength {
  readonly line: number;
  readonly lines: number;
}

/**
 * The source with the contents of comments, strings, templates and patterns replaced by spaces: same length, same
 * lines. Quotes stay, and so does the code inside `${}`.
 */
export function codeOnly(source: string): string {
  return new Blanker(source).run();
}

class Blanker {
  readonly #source: string;
  readonly #out: string[];
  #at = 0;
  /** For each open `${`, the braces open inside it. */
  readonly #templates: number[] = [];

  constructor(source: string) {
    this.#source = source;
    this.#out = source.split('');
  }

  run(): string {
    while (this.#at < this.#source.length) this.#step();
    return this.#out.join('');
  }

  #step(): void {
    const two = this.#source.slice(this.#at, this.#at + 2);
    const character = two[0];
    if (two === '//') this.#blankUntil(this.#find('\n', this.#at));
    else if (two === '/*') this.#blankUntil(this.#find('*/', this.#at + 2) + 2);
    else if (character === "'" || character === '"') this.#quoted(character);
    else if (character === '`') this.#template();
    else if (character === '/' && this.#beginsPattern()) this.#pattern();
    else this.#brace(character);
  }

  #brace(character: string | undefined): void {
    const depth = this.#templates.length - 1;
    this.#at += 1;
    if (depth < 0) return;
    if (character === '{') this.#templates[depth]! += 1;
    if (character !== '}') return;
    this.#templates[depth]! -= 1;
    if (this.#templates[depth]! > 0) return;
    this.#templates.pop();
    this.#at -= 1;
    this.#template();
  }

  #quoted(quote: string): void {
    let end = this.#at + 1;
    while (end < this.#source.length && this.#source[end] !== quote) end += this.#source[end] === '\\' ? 2 : 1;
    this.#at += 1;
    this.#blankUntil(end);
    this.#at += 1;
  }

  /** From a backtick, or from the `}` that ends a `${}`, to the next `${` or the closing backtick. */
  #template(): void {
    let end = this.#at + 1;
    while (end < this.#source.length && this.#source[end] !== '`' && this.#source.slice(end, end + 2) !== '${') {
      end += this.#source[end] === '\\' ? 2 : 1;
    }
    this.#at += 1;
    this.#blankUntil(end);
    if (this.#source[end] === '$') {
      this.#templates.push(1);
      this.#at += 2;
    } else {
      this.#at += 1;
    }
  }

  #pattern(): void {
    let end = this.#at + 1;
    let inClass = false;
    while (end < this.#source.length && (inClass || this.#source[end] !== '/')) {
      if (this.#source[end] === '[') inClass = true;
      if (this.#source[end] === ']') inClass = false;
      end += this.#source[end] === '\\' ? 2 : 1;
    }
    this.#at += 1;
    this.#blankUntil(end);
    this.#at += 1;
  }

  /** A slash divides after a value and begins a pattern elsewhere. */
  #beginsPattern(): boolean {
    const before = this.#out
      .slice(Math.max(0, this.#at - 200), this.#at)
      .join('')
      .trimEnd();
    if (/\b(return|typeof|case|in|of|await|yield|void|delete)$/.test(before)) return true;
    return !/[\w$)\]}'"`]$/.test(before);
  }

  #find(text: string, from: number): number {
    const found = this.#source.indexOf(text, from);
    return found === -1 ? this.#source.length : found;
  }

  #blankUntil(end: number): void {
    for (; this.#at < Math.min(end, this.#source.length); this.#at += 1) {
      if (this.#out[this.#at] !== '\n') this.#out[this.#at] = ' ';
    }
  }
}

const referencePatterns: readonly RegExp[] = [
  /\b(?:import|export)\b[^;'"()=]*?\bfrom\s*(?=['"])/g,
  /\bimport\s*(?=['"])/g,
  /\b(?:import|require)\s*\(\s*(?=['"`])/g,
  // How files for worker threads are named.
  /\bnew\s+URL\s*\(\s*(?=['"])/g,
];

/** Modules named by imports, re-exports, dynamic imports and `new URL('./file.js', import.meta.url)`. */
export function referencesOf(source: string): ModuleReference[] {
  const code = codeOnly(source);
  const references: ModuleReference[] = [];
  for (const pattern of referencePatterns) {
    for (const match of code.matchAll(pattern)) {
      const quoteAt = match.index + match[0].length;
      const closeAt = code.indexOf(code[quoteAt]!, quoteAt + 1);
      references.push({
        specifier: source.slice(quoteAt + 1, closeAt),
        line: lineAt(source, match.index),
        typeOnly: isTypeOnly(match[0], code.slice(closeAt + 1, closeAt + 4)),
      });
    }
  }
  return references.filter(({ specifier }) => specifier !== '').sort((one, other) => one.line - other.line);
}

function isTypeOnly(head: string, tail: string): boolean {
  if (/^(import|export)\s+type\b/.test(head)) return true;
  // With verbatimModuleSyntax `import { type A }` still loads the module, so only a type position is left.
  return /^import\s*\(/.test(head) && /^\)\.[A-Z]/.test(tail);
}

/** Every function's body: its first line and its number of lines, braces included. */
export function functionLengths(source: string): FunctionLength[] {
  const code = codeOnly(source);
  const open: { at: number; isFunction: boolean }[] = [];
  const lengths: FunctionLength[] = [];
  for (let at = 0; at < code.length; at += 1) {
    if (code[at] === '{') open.push({ at, isFunction: opensFunction(code.slice(Math.max(0, at - 400), at)) });
    if (code[at] !== '}') continue;
    const block = open.pop();
    if (block?.isFunction !== true) continue;
    const line = lineAt(code, block.at);
    lengths.push({ line, lines: lineAt(code, at) - line + 1 });
  }
  return lengths;
}

function opensFunction(before: string): boolean {
  const text = before.trimEnd();
  if (text.endsWith('=>')) return true;
  // A parameter list, perhaps with a return type behind it.
  const list = /\)(\s*:\s*[^;={}]+|\s*:\s*[^;={}]*\{[^{}]*\}[^;={}\n]*)?$/.exec(text);
  if (list === null) return false;
  return !/\b(if|for|while|switch|catch|with)\s*(await\s*)?$/.test(beforeParenthesis(text.slice(0, list.index + 1)));
}

/** What stands before the parenthesis that the text's last character closes. */
function beforeParenthesis(text: string): string {
  let depth = 0;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    if (text[at] === ')') depth += 1;
    if (text[at] === '(') depth -= 1;
    if (depth === 0) return text.slice(0, at);
  }
  return '';
}

export function lineAt(source: string, index: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < index; at = source.indexOf('\n', at + 1)) line += 1;
  return line;
}
