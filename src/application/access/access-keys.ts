import type { KeyRing } from './key-ring.ts';

/** Who may come in. A ring without keys is an open door. */
export interface AccessKeys {
  /** For `/v1` and the gRPC service of clients. */
  readonly clients: KeyRing;
  /** For `/admin/v1`; without any, clients' keys that may observe open its reading part, and nothing its actions. */
  readonly operators: KeyRing;
}
