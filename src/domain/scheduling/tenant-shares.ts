import { type HeapItem, MinHeap } from '../shared/min-heap.ts';
import { JobOrder, type JobOrderOptions } from './job-order.ts';
import type { WaitingJob } from './waiting-job.ts';

/** Tenants without waiting jobs that are remembered, at most: their last share counts when they come back. */
const MAX_IDLE_TENANTS = 4096;

interface Tenant extends HeapItem {
  readonly name: string;
  readonly weight: number;
  /** Its virtual time: tokens that it was given over its weight, moved up to the class's when it comes back. */
  key: number;
  readonly order: JobOrder;
}

/**
 * Shares a class among its tenants by tokens and weights: start-time fair queueing. The tenant that has
 * had least for its weight is next. Of two tenants that both have jobs waiting, neither gets ahead of the
 * other by more than one request's tokens of each, over their weights. All operations O(log tenants + log jobs).
 */
export class TenantShares {
  readonly #options: JobOrderOptions;
  readonly #weightOf: (tenant: string) => number;
  readonly #tenants = new Map<string, Tenant>();
  readonly #backlogged = new MinHeap<Tenant>();
  #virtualTime = 0;
  #sequence = 0;
  #length = 0;

  /** @param weightOf > 0 for every name */
  constructor(options: JobOrderOptions, weightOf: (tenant: string) => number) {
    this.#options = options;
    this.#weightOf = weightOf;
  }

  get length(): number {
    return this.#length;
  }

  add(waiting: WaitingJob): void {
    const tenant = this.#tenant(waiting.job.tenant ?? '');
    this.#length += 1;
    if (tenant.order.length === 0) {
      tenant.key = Math.max(tenant.key, this.#virtualTime);
      this.#backlogged.push(tenant);
    }
    tenant.order.add(waiting);
  }

  /** Who is next. */
  head(): WaitingJob | undefined {
    return this.#backlogged.peek()?.order.head();
  }

  /** When the job that has waited longest came, or undefined. O(tenants) */
  oldestArrivalMs(): number | undefined {
    let oldest: number | undefined;
    for (const { order } of this.#tenants.values()) {
      const arrivedMs = order.oldest()?.arrivedMs;
      if (arrivedMs !== undefined && (oldest === undefined || arrivedMs < oldest)) oldest = arrivedMs;
    }
    return oldest;
  }

  /** A job leaves without having started. */
  remove(waiting: WaitingJob): void {
    this.#take(waiting, false);
  }

  /** A job starts, the next one or another: its tenant pays. */
  start(waiting: WaitingJob): void {
    const first = this.#backlogged.peek();
    // Nobody who waits has had less: whoever comes back starts from here.
    if (first !== undefined) this.#virtualTime = Math.max(this.#virtualTime, first.key);
    this.#take(waiting, true);
  }

  /** Jobs and work that would go before a new job of this tenant, as others have their turns too. O(1) */
  ahead(tenantName: string, size: number): { readonly count: number; readonly work: number } {
    const tenant = this.#tenants.get(tenantName);
    const own = tenant === undefined || tenant.order.length === 0 ? { count: 0, work: 0 } : tenant.order.ahead(size);
    const others = this.#length - (tenant?.order.length ?? 0);
    if (others === 0) return own;
    const rivals = this.#backlogged.size - (tenant !== undefined && tenant.order.length > 0 ? 1 : 0);
    // Each rival starts about as many as this tenant does, but no more than it has.
    const count = Math.min(others, rivals * (own.count + 1));
    return { count: own.count + count, work: own.work + count };
  }

  #take(waiting: WaitingJob, hasStarted: boolean): void {
    const tenant = this.#tenant(waiting.job.tenant ?? '');
    tenant.order.remove(waiting, hasStarted);
    this.#length -= 1;
    const isAlone = this.#backlogged.size === 1 && tenant.order.length > 0;
    if (!isAlone) this.#backlogged.remove(tenant);
    if (hasStarted) tenant.key += waiting.tokens / tenant.weight;
    if (!isAlone && tenant.order.length > 0) this.#backlogged.push(tenant);
    if (this.#length === 0) this.#forgetAll();
    else if (this.#tenants.size - this.#backlogged.size > MAX_IDLE_TENANTS) this.#forgetIdle();
  }

  #tenant(name: string): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      tenant = {
        name,
        weight: this.#weightOf(name),
        key: this.#virtualTime,
        sequence: this.#sequence,
        heapPosition: -1,
        order: new JobOrder(this.#options),
      };
      this.#sequence += 1;
      this.#tenants.set(name, tenant);
    }
    return tenant;
  }

  /** Nobody waits: shares matter only among those who wait together. */
  #forgetAll(): void {
    this.#virtualTime = 0;
    if (this.#tenants.size === 1) for (const tenant of this.#tenants.values()) tenant.key = 0;
    else this.#tenants.clear();
  }

  /** Those who had no more than their share would start level with the others anyway; the rest is let off. */
  #forgetIdle(): void {
    for (const tenant of this.#tenants.values()) if (tenant.order.length === 0) this.#tenants.delete(tenant.name);
  }
}
