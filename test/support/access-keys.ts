import type { AccessKeys } from '../../src/application/access/access-keys.ts';
import { type KeyGrant, KeyRing } from '../../src/application/access/key-ring.ts';

/** A key without limits, whose holder may name any tenant and priority. */
export const FREE_GRANT: KeyGrant = { tenant: undefined, maxPriority: 'high', limits: undefined, mayObserve: true };

/** Doors that open to these keys; none: open doors. */
export function accessTo(keys: {
  readonly clients?: readonly string[];
  readonly operators?: readonly string[];
}): AccessKeys {
  const ring = (list: readonly string[] = []): KeyRing => new KeyRing(list.map((key) => ({ key, grant: FREE_GRANT })));
  return { clients: ring(keys.clients), operators: ring(keys.operators) };
}
