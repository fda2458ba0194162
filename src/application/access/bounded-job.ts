import { DispatcherError } from '../../domain/shared/errors.ts';
import type { GenerationRequest } from '../ports/inference.ts';
import type { KeyGrant, Priority } from './key-ring.ts';

/** What a client asks for itself, before its key has a say. */
export interface WantedJob {
  readonly priority: Priority;
  /** Undefined: the request names none. */
  readonly tenant: string | undefined;
}

const RANK: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 };

/** Of requests that name none, and whose key does not either. */
export const DEFAULT_TENANT = 'default';

/**
 * Tenant, priority and limits of a request as its key allows them. A name that no key vouches for counts for
 * nothing: whoever made up tenants would have a share of the swarm for each.
 * @param grant undefined: no keys are set, and requests are not trusted with names
 * @param tenantField what the client calls the tenant, for the error
 * @throws DispatcherError DSP_INVALID_ARGUMENT: the request names a tenant other than its key's
 */
export function boundedJob(
  wanted: WantedJob,
  grant: KeyGrant | undefined,
  tenantField: string,
): Pick<GenerationRequest, 'priority' | 'tenant' | 'limits'> {
  if (grant === undefined) return { priority: wanted.priority, tenant: DEFAULT_TENANT };
  if (grant.tenant !== undefined && wanted.tenant !== undefined && wanted.tenant !== grant.tenant) {
    throw new DispatcherError(
      'DSP_INVALID_ARGUMENT',
      `${tenantField}: the API key belongs to the tenant '${grant.tenant}': name that one, or none`,
      { param: tenantField },
    );
  }
  return {
    priority: RANK[wanted.priority] > RANK[grant.maxPriority] ? grant.maxPriority : wanted.priority,
    tenant: grant.tenant ?? wanted.tenant ?? DEFAULT_TENANT,
    ...(grant.limits === undefined ? {} : { limits: grant.limits }),
  };
}
