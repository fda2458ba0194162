import type { BlockHost, MeasuredSpeed } from '../../application/ports/block-host.ts';
import type { SpanHost } from '../../application/server/host-span.ts';

/** What computes the blocks of an agent, and where it is reached. */
export interface AgentBackend {
  readonly modelId: string;
  /** Data plane, as the dispatcher is to dial it. */
  readonly address: string;
  readonly protocol: 'grpc' | 'petals';
  readonly weightsDigest: string;
  /** What the dispatcher must show to open a session; undefined: nothing. */
  readonly sessionToken: string | undefined;
  /** PEM of the certificate shown at `address`; undefined: no TLS there. */
  readonly certificate: string | undefined;
  readonly host: SpanHost & Pick<BlockHost, 'hosted' | 'usage'>;
  measureSpeed(): Promise<MeasuredSpeed>;
  /** Told when blocks that were ready are gone. */
  whenLost(listener: () => void): void;
  close(): Promise<void>;
}
