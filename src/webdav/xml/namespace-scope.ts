/**
 * Prefixes in scope at an element. A chain instead of copies: a body may declare ten thousand prefixes at its root and
 * one more at each of ten thousand children.
 */
export class NamespaceScope {
  readonly #outer: NamespaceScope | undefined;
  readonly #declared: ReadonlyMap<string, string>;

  constructor(declared: ReadonlyMap<string, string>, outer?: NamespaceScope) {
    this.#declared = declared;
    this.#outer = outer;
  }

  /** undefined: not declared. */
  find(prefix: string): string | undefined {
    return this.#declared.get(prefix) ?? this.#outer?.find(prefix);
  }
}
