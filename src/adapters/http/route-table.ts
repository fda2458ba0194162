/** Which methods each path takes, so that a wrong method is told apart from a wrong path. */
export class RouteTable {
  readonly #fixed = new Map<string, Set<string>>();
  /** Paths with a parameter or wildcard in them. */
  readonly #variable = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();

  /** @param url as given to the router: `/a/b`, `/a/*` or `/a/:id/b` */
  add(method: string | readonly string[], url: string): void {
    const methods = this.#methodsFor(url);
    for (const one of [method].flat()) methods.add(one);
  }

  /** Methods of a request's path, sorted; empty when there is no such path. */
  methodsOf(url: string): readonly string[] {
    const path = url.split('?', 1)[0] ?? '';
    const found =
      this.#fixed.get(path) ?? [...this.#variable.values()].find(({ pattern }) => pattern.test(path))?.methods;
    return [...(found ?? [])].sort();
  }

  #methodsFor(url: string): Set<string> {
    if (!/[*:]/.test(url)) {
      const methods = this.#fixed.get(url) ?? new Set();
      this.#fixed.set(url, methods);
      return methods;
    }
    const known = this.#variable.get(url);
    if (known !== undefined) return known.methods;
    const source = url
      .replaceAll('.', '\\.')
      .replace(/:[a-z]+/g, '[^/]+')
      .replace('*', '.+');
    const entry = { pattern: new RegExp(`^${source}$`), methods: new Set<string>() };
    this.#variable.set(url, entry);
    return entry.methods;
  }
}
