import type { Job, TenantLimit } from '../model/job.ts';

/** Tenants that are counted apart, at most; those beyond share one account. */
const MAX_ACCOUNTS = 16_384;
/** Sweeps look at all accounts: a flood of names must not cause one each. */
const SWEEP_MS = 1_000;
const OVERFLOW = '\n';
const MINUTE_MS = 60_000;
/** When a place among the requests at once may be free again, ms: one of them has to end first. */
const RETRY_AT_ONCE_MS = 1_000;

/** What a tenant has asked for lately. */
export interface TenantAccount {
  readonly name: string;
  /** As the latest of its jobs brought it. */
  limit: TenantLimit;
  /** Requests that wait or run. */
  atOnce: number;
  /** What may still be asked for; a request larger than a whole minute's tokens leaves a debt. */
  requests: number;
  tokens: number;
  refilledMs: number;
}

/**
 * Limits on what each tenant asks for: token buckets that hold one minute's worth, and a count of
 * requests at once. O(1), but for sweeps that forget tenants whose buckets are full again.
 */
export class TenantLimits {
  readonly #default: TenantLimit | undefined;
  readonly #accounts = new Map<string, TenantAccount>();
  #sweepAt = 1024;
  #sweptMs = Number.NEGATIVE_INFINITY;

  /** @param limit of tenants whose jobs bring none of their own */
  constructor(limit: TenantLimit | undefined) {
    this.#default = limit;
  }

  /**
   * Whether a tenant may send these jobs together.
   * @returns undefined when it may, else the ms after which it is worth trying again, > 0
   */
  whyNot(jobs: readonly Job[], nowMs: number): number | undefined {
    const [first] = jobs;
    if (first === undefined) return undefined;
    const account = this.#account(first, nowMs);
    if (account === undefined) return undefined;
    const { maxConcurrency, requestsPerMinute, tokensPerMinute } = account.limit;
    if (maxConcurrency !== undefined && account.atOnce + jobs.length > maxConcurrency) return RETRY_AT_ONCE_MS;
    const tokens = jobs.reduce((sum, job) => sum + (job.tokens ?? 1), 0);
    const waitMs = Math.max(
      waitForBucket(requestsPerMinute, account.requests, jobs.length),
      waitForBucket(tokensPerMinute, account.tokens, tokens),
    );
    return waitMs > 0 ? waitMs : undefined;
  }

  /** A job was taken. @returns its tenant's account, to be given back to `ended`; undefined: it has no limits */
  took(job: Job, nowMs: number): TenantAccount | undefined {
    const account = this.#account(job, nowMs);
    if (account === undefined) return undefined;
    account.atOnce += 1;
    account.requests -= 1;
    account.tokens -= job.tokens ?? 1;
    return account;
  }

  /** A job that was taken neither waits nor runs any more. */
  ended(account: TenantAccount | undefined): void {
    if (account !== undefined) account.atOnce -= 1;
  }

  #account(job: Job, nowMs: number): TenantAccount | undefined {
    const limit = job.limit ?? this.#default;
    if (limit === undefined) return undefined;
    const tenant = job.tenant ?? '';
    let account = this.#accounts.get(tenant);
    if (account === undefined) {
      if (this.#accounts.size >= this.#sweepAt && nowMs >= this.#sweptMs + SWEEP_MS) this.#sweep(nowMs);
      const name = this.#accounts.size >= MAX_ACCOUNTS ? OVERFLOW : tenant;
      account = this.#accounts.get(name);
      if (account === undefined) {
        const requests = limit.requestsPerMinute ?? Number.POSITIVE_INFINITY;
        const tokens = limit.tokensPerMinute ?? Number.POSITIVE_INFINITY;
        account = { name, limit, atOnce: 0, requests, tokens, refilledMs: nowMs };
        this.#accounts.set(name, account);
      }
    }
    account.limit = limit;
    refill(account, nowMs);
    return account;
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    for (const account of this.#accounts.values()) {
      refill(account, nowMs);
      const { requestsPerMinute = account.requests, tokensPerMinute = account.tokens } = account.limit;
      const isFull = account.requests >= requestsPerMinute && account.tokens >= tokensPerMinute;
      if (account.atOnce === 0 && isFull) this.#accounts.delete(account.name);
    }
    this.#sweepAt = Math.min(MAX_ACCOUNTS, Math.max(1024, 2 * this.#accounts.size));
  }
}

function refill(account: TenantAccount, nowMs: number): void {
  const share = Math.max(0, nowMs - account.refilledMs) / MINUTE_MS;
  const { requestsPerMinute, tokensPerMinute } = account.limit;
  if (requestsPerMinute !== undefined)
    account.requests = Math.min(requestsPerMinute, account.requests + share * requestsPerMinute);
  if (tokensPerMinute !== undefined)
    account.tokens = Math.min(tokensPerMinute, account.tokens + share * tokensPerMinute);
  account.refilledMs = nowMs;
}

/** Milliseconds until a bucket lets `wanted` through; what exceeds a whole bucket needs a full one. */
function waitForBucket(perMinute: number | undefined, level: number, wanted: number): number {
  if (perMinute === undefined) return 0;
  const missing = Math.min(wanted, perMinute) - level;
  return missing <= 0 ? 0 : (missing / perMinute) * MINUTE_MS;
}
