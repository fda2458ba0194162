/** Which methods each path takes, so that a wrong method is told apart from a wrong path. */
export class RouteTable {
  readonly #exact = new Map<string, Set<string>>();
  /** Paths that end in a wildcard or parameter, by what comes before it. */
  readonly #prefixes = new Map<string, Set<string>>();

  /** @param url as given to the router: `/a/b`, `/a/*` or `/a/:id` */
  add(method: string | readonly string[], url: string): void {
    const variable = url.search(/[*:]/);
    const table = variable < 0 ? this.#exact : this.#prefixes;
    const key = variable < 0 ? url : url.slice(0, variable);
    const methods = table.get(key) ?? new Set<string>();
    for (const one of [method].flat()) methods.add(one);
    table.set(key, methods);
  }

  /** Methods of a request's path, sorted; empty when there is no such path. */
  methodsOf(url: string): readonly string[] {
    const path = url.split('?', 1)[0] ?? '';
    const found =
      this.#exact.get(path) ??
      [...this.#prefixes].find(([prefix]) => path.startsWith(prefix) && path.length > prefix.length)?.[1];
    return [...(found ?? [])].sort();
  }
}
