import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { TenantLimits } from '../ports/inference.ts';

export type Priority = 'high' | 'normal' | 'low';

/** What the holder of a key may do. */
export interface KeyGrant {
  /** Requests count for this tenant, whatever they say of themselves; undefined: they may name any. */
  readonly tenant: string | undefined;
  /** Requests of a higher priority run at this one. */
  readonly maxPriority: Priority;
  readonly limits: TenantLimits | undefined;
  /** May look at the swarm (`/admin/v1`) where no operators' keys are set. */
  readonly mayObserve: boolean;
}

export interface KeyEntry {
  /** The key itself, or `sha256:` and the hexadecimal digest of it. */
  readonly key: string;
  readonly grant: KeyGrant;
}

/** `sha256:` and 64 hexadecimal digits: a key that is kept as its digest. */
export const HASHED_KEY = /^sha256:[0-9a-f]{64}$/i;

/**
 * The keys that open a front, as digests: none of them can be read from memory or from a file. A key
 * is looked up by a digest under a secret of this process, so that the time it takes tells nothing of
 * the keys there are. Keys are long random texts, not passwords: one round of SHA-256 protects them.
 */
export class KeyRing {
  readonly #secret = randomBytes(32);
  /** What everybody may do while no key is set; undefined: ask, and name no tenant. */
  readonly open: KeyGrant | undefined;
  #grants: ReadonlyMap<string, KeyGrant>;

  constructor(entries: readonly KeyEntry[], open?: KeyGrant) {
    this.open = open;
    this.#grants = this.#index(entries);
  }

  /** No key was ever set: everybody may ask. */
  get isEmpty(): boolean {
    return this.#grants.size === 0;
  }

  /** New keys in place of the old ones, for the next request on. */
  replace(entries: readonly KeyEntry[]): void {
    this.#grants = this.#index(entries);
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  /** @returns undefined: the key is not one of these */
  find(key: string): KeyGrant | undefined {
    return this.#grants.get(this.#blind(createHash('sha256').update(key).digest()));
  }

  #index(entries: readonly KeyEntry[]): ReadonlyMap<string, KeyGrant> {
    return new Map(
      entries.map(({ key, grant }) => {
        const digest = HASHED_KEY.test(key)
          ? Buffer.from(key.slice('sha256:'.length), 'hex')
          : createHash('sha256').update(key).digest();
        return [this.#blind(digest), grant];
      }),
    );
  }

  #blind(digest: Buffer): string {
    return createHmac('sha256', this.#secret).update(digest).digest('base64');
  }
}

/** The key of `authorization: Bearer KEY`; undefined where the header holds none. */
export function bearerKey(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
}
