import { createGrpcConnector } from '../../adapters/chain-transport/grpc/transport.ts';
import { createMixedTransport } from '../../adapters/chain-transport/mixed-transport.ts';
import { createPetalsConnector } from '../../adapters/chain-transport/petals/transport.ts';
import { PetalsDirectory } from '../../adapters/petals-discovery/petals-directory.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { systemClock } from '../../adapters/system/system-clock.ts';
import { PetalsNetwork } from '../../adapters/wire/petals/petals-network.ts';
import type { ChainTransport } from '../../application/ports/chain-transport.ts';
import type { Swarm } from '../../application/swarm/swarm.ts';
import { SwarmFollower } from '../../application/swarm/swarm-follower.ts';
import type { Config } from '../../config/schema.ts';
import type { LanguageModel } from '../../language-model/open-language-model.ts';
import { dhtPrefixOf } from '../petals-names.ts';

export interface PetalsSide {
  /** Chains over gRPC servers, PETALS servers, and both. */
  readonly transport: ChainTransport;
  /** Begins to follow the configured swarm, if there is one. */
  start(): void;
  stop(): void;
  close(): Promise<void>;
}

/**
 * What a dispatcher has to do with PETALS. libp2p is loaded with the first PETALS server, not before.
 * @param sessionTokens of the longest session
 */
export function connectPetals(
  config: Config,
  model: LanguageModel,
  sessionTokens: number,
  swarm: Swarm,
  log: (message: string, fields: Readonly<Record<string, unknown>>) => void,
): PetalsSide {
  const { petals_bootstrap, petals_dht_prefix, petals_hidden_dtype, petals_push, step_timeout_seconds } = config.swarm;
  const dhtPrefix = petals_dht_prefix ?? dhtPrefixOf(model.id);
  const stepTimeoutMs = step_timeout_seconds * 1000;
  const network = new PetalsNetwork({ maxPeers: config.limits.max_servers, dialTimeoutMs: stepTimeoutMs });
  const transport = createMixedTransport({
    grpc: createGrpcConnector(),
    petals: createPetalsConnector({
      network,
      dhtPrefix,
      hiddenDtype: petals_hidden_dtype,
      isPushAllowed: petals_push,
      // A full server may keep a session waiting for half of what opening may take at all.
      allocTimeoutMs: stepTimeoutMs / 2,
    }),
  });
  const follower =
    petals_bootstrap.length === 0
      ? undefined
      : new SwarmFollower(
          {
            directory: new PetalsDirectory(
              {
                bootstrap: petals_bootstrap,
                dhtPrefix,
                blockCount: model.blockCount,
                hiddenSize: model.hiddenSize,
                modelId: model.id,
                maxServers: config.limits.max_servers,
                askTimeoutMs: stepTimeoutMs,
                newId: newRandomId,
                unixSeconds: () => Date.now() / 1000,
              },
              network,
              transport,
            ),
            swarm,
            model: {
              id: model.id,
              dtype: config.model.dtype,
              blockBytes: model.blockBytes,
              cacheBytesPerTokenPerBlock: model.cacheBytesPerTokenPerBlock,
              sessionTokens,
            },
            clock: systemClock,
            log,
          },
          {
            intervalMs: config.swarm.heartbeat_interval_seconds * 1000,
            exclusionMs: config.swarm.exclude_seconds * 1000,
          },
        );
  return {
    transport,
    start: () => follower?.start(),
    stop: () => follower?.stop(),
    close: async () => {
      follower?.stop();
      await transport.close();
      await network.close();
    },
  };
}
