import type { AccessKeys } from '../../application/access/access-keys.ts';
import { type KeyEntry, type KeyGrant, KeyRing } from '../../application/access/key-ring.ts';
import { readKeysFile } from '../../config/keys-file.ts';
import type { Config } from '../../config/schema.ts';

/** The keys of the configuration and of its keys file, which may change while the dispatcher runs. */
export interface ReloadableAccess {
  readonly keys: AccessKeys;
  /** For servers. */
  readonly joinTokens: KeyRing;
  /**
   * Reads `security.keys_file` again; the other keys stay. Nothing changes when it is not valid.
   * @throws ConfigError
   */
  reload(): void;
}

/** What the operator's own keys allow: everything that their door is for. */
const FREE: KeyGrant = { tenant: undefined, maxPriority: 'high', limits: undefined, mayObserve: true };

/** @throws ConfigError: the keys file cannot be used */
export function openAccess(security: Config['security']): ReloadableAccess {
  const clients = new KeyRing(clientKeys(security), security.trust_tenant_names ? FREE : undefined);
  const operators = new KeyRing(security.admin_keys.map((key) => ({ key, grant: FREE })));
  const joinTokens = new KeyRing(security.join_tokens.map((key) => ({ key, grant: FREE })));
  return { keys: { clients, operators }, joinTokens, reload: () => clients.replace(clientKeys(security)) };
}

function clientKeys(security: Config['security']): readonly KeyEntry[] {
  const own = security.api_keys.map((key): KeyEntry => ({ key, grant: FREE }));
  if (security.keys_file === undefined) return own;
  const listed = readKeysFile(security.keys_file).map((given): KeyEntry => {
    const { maxConcurrency, requestsPerMinute, tokensPerMinute } = given;
    const hasLimits = [maxConcurrency, requestsPerMinute, tokensPerMinute].some((limit) => limit !== undefined);
    return {
      key: given.key,
      grant: {
        tenant: given.tenant,
        maxPriority: given.maxPriority,
        limits: hasLimits ? { maxConcurrency, requestsPerMinute, tokensPerMinute } : undefined,
        mayObserve: false,
      },
    };
  });
  return [...own, ...listed];
}
