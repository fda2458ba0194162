/** What a set of servers comes to. */
export interface ServerSetValue {
  /** Servers of the set that are of use, ascending: the others need not be paid for. */
  readonly used: readonly number[];
  /** Of the used servers, >= 0. */
  readonly cost: number;
  /** Mean response time, seconds; infinite when unstable. */
  readonly seconds: number;
}

export interface ServerSetSearch {
  /** Servers there are, by position 0..n-1. */
  readonly count: number;
  /** Per server, >= 0. */
  readonly costs: readonly number[];
  /** Servers that every set has. */
  readonly required: readonly number[];
  /** Orders in which servers are worth having, most first: each one's beginnings are tried. */
  readonly orders: readonly (readonly number[])[];
  readonly targetSeconds: number;
  /** Sets to look at, about; at least one. Where all sets are no more, every one is looked at. */
  readonly budget: number;
  /** Undefined when the set cannot hold the model. */
  evaluate(set: readonly number[]): ServerSetValue | undefined;
}

/**
 * Looks for cheap sets of servers that meet a target: the beginnings of each order, then single
 * servers taken out for as long as the target is met, then exchanged for cheaper ones, or two for one.
 * @returns every set looked at that can hold the model, in the order of looking   O(budget) evaluations
 */
export function searchServerSets(search: ServerSetSearch): readonly ServerSetValue[] {
  const walk = new Walk(search);
  const free = Array.from({ length: search.count }, (_, j) => j).filter((j) => !search.required.includes(j));
  if (2 ** free.length <= search.budget) {
    for (let bits = 0; bits < 2 ** free.length; bits += 1) walk.look(free.filter((_, at) => (bits >> at) % 2 === 1));
    return walk.seen;
  }
  walk.look(free);
  for (const order of search.orders) {
    for (let length = order.length - 1; length >= 1; length -= 1) walk.look(order.slice(0, length));
  }
  for (let start = walk.cheapest; start !== undefined; ) {
    walk.shrink(start);
    walk.exchange(walk.cheapest ?? start);
    if (walk.isSpent || walk.cheapest === start) break;
    start = walk.cheapest;
  }
  return walk.seen;
}

class Walk {
  readonly #search: ServerSetSearch;
  readonly #known = new Map<string, ServerSetValue | undefined>();
  readonly seen: ServerSetValue[] = [];
  /** Of the sets that meet the target. */
  cheapest: ServerSetValue | undefined;

  constructor(search: ServerSetSearch) {
    this.#search = search;
  }

  get isSpent(): boolean {
    return this.#known.size >= this.#search.budget;
  }

  look(set: readonly number[]): ServerSetValue | undefined {
    const sorted = [...new Set([...set, ...this.#search.required])].sort((a, b) => a - b);
    const key = sorted.join(',');
    if (this.#known.has(key)) return this.#known.get(key);
    if (this.isSpent || sorted.length === 0) return undefined;
    const value = this.#search.evaluate(sorted);
    this.#known.set(key, value);
    if (value === undefined) return undefined;
    this.seen.push(value);
    if (value.seconds <= this.#search.targetSeconds && this.#isCheaper(value)) this.cheapest = value;
    return value;
  }

  /** Takes out one server after another, each time the one that leaves the cheapest set that meets the target. */
  shrink(from: ServerSetValue): void {
    for (let current: ServerSetValue | undefined = from; current !== undefined && !this.isSpent; ) {
      const before: ServerSetValue = current;
      for (const out of before.used) this.look(before.used.filter((j) => j !== out));
      current = this.cheapest !== undefined && this.cheapest.cost < before.cost ? this.cheapest : undefined;
    }
  }

  /** Puts one server in the place of one or two dearer ones, until a cheaper set meets the target. */
  exchange(from: ServerSetValue): void {
    const { count, costs } = this.#search;
    const cost = (j: number): number => costs[j] ?? 0;
    const outside = Array.from({ length: count }, (_, j) => j).filter((j) => !from.used.includes(j));
    for (const size of [1, 2]) {
      for (const gone of combinations(from.used, size)) {
        const saved = gone.reduce((sum, j) => sum + cost(j), 0);
        for (const into of outside) {
          if (cost(into) >= saved) continue;
          this.look([...from.used.filter((j) => !gone.includes(j)), into]);
          if (this.isSpent || this.cheapest !== from) return;
        }
      }
    }
  }

  #isCheaper({ cost, seconds }: ServerSetValue): boolean {
    const best = this.cheapest;
    return best === undefined || cost < best.cost || (cost === best.cost && seconds < best.seconds);
  }
}

function combinations(items: readonly number[], size: number): number[][] {
  if (size === 1) return items.map((item) => [item]);
  return items.flatMap((first, at) => items.slice(at + 1).map((second) => [first, second]));
}
