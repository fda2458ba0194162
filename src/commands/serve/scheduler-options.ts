import type { Config } from '../../config/schema.ts';
import type { SchedulerOptions } from '../../domain/scheduling/scheduler-options.ts';

/**
 * The configuration's `scheduling` section as the scheduler takes it.
 * @param cacheBytesPerToken cache of one token in one block of the served model, bytes
 */
export function schedulerOptions(scheduling: Config['scheduling'], cacheBytesPerToken: number): SchedulerOptions {
  const weights = new Map(
    scheduling.tenant_weights.map((entry): [string, number] => {
      const at = entry.lastIndexOf('=');
      return [entry.slice(0, at), Number(entry.slice(at + 1))];
    }),
  );
  const limit = {
    maxConcurrency: scheduling.tenant_max_concurrency,
    requestsPerMinute: scheduling.tenant_requests_per_minute,
    tokensPerMinute: scheduling.tenant_tokens_per_minute,
  };
  return {
    queueLimit: scheduling.queue_limit,
    cache: scheduling.cache,
    cacheBytesPerToken,
    order: scheduling.order,
    maxOvertakes: scheduling.max_overtakes,
    maxWaitFactor: scheduling.max_wait_factor,
    tenantWeight: (tenant) => weights.get(tenant) ?? 1,
    tenantLimit: Object.values(limit).some((value) => value !== undefined) ? limit : undefined,
    predictsWaits: true,
  };
}
