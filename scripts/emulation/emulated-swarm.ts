import { pino } from 'pino';
import { startBlockService } from '../../src/adapters/block-service/server.ts';
import { createGrpcSwarmRegistry } from '../../src/adapters/registry-client/swarm-registry-client.ts';
import { systemClock } from '../../src/adapters/system/system-clock.ts';
import { SpanHosting } from '../../src/application/server/host-span.ts';
import { SwarmMembership } from '../../src/application/server/swarm-membership.ts';
import type { SharedServerSpeeds } from '../../src/domain/planning/service-times.ts';
import { createRng } from '../../src/domain/shared/rng.ts';
import { EmulatedBlockHost, type Journeys } from './emulated-block-host.ts';
import type { EmulatedModel } from './emulated-model.ts';

/** A server of the swarm file that is emulated. */
export interface EmulatedServer {
  readonly id: string;
  /** Of the model that is stood for. */
  readonly memoryBytes: number;
  /** In real time. */
  readonly speeds: SharedServerSpeeds;
}

export interface EmulatedSwarm {
  /** How late answers left on average, seconds of this machine: what it adds to what is emulated. */
  meanLagSeconds(): number;
  close(): Promise<void>;
}

/**
 * Starts block servers over real gRPC that join a dispatcher as agents do, each with a data plane of its own.
 * @param speedUp all times are divided by it, >= 1
 */
export async function startEmulatedSwarm(
  dispatcherAddress: string,
  model: EmulatedModel,
  servers: readonly EmulatedServer[],
  speedUp: number,
): Promise<EmulatedSwarm> {
  const started: { readonly membership: SwarmMembership; readonly close: () => Promise<void> }[] = [];
  const journeys: Journeys = { departures: new Map(), steps: 0, lateMs: 0 };
  for (const server of servers) {
    const speeds = fasterBy(speedUp, server.speeds);
    const host = new EmulatedBlockHost({ ...model, speeds, journeys });
    const listen = { host: '127.0.0.1', port: 0 };
    const service = await startBlockService({ host, listen, logger: pino({ enabled: false }) });
    const memoryBytes = Math.floor(server.memoryBytes * model.memoryScale);
    const membership = new SwarmMembership(
      {
        dispatcherAddress,
        serverId: server.id,
        modelId: model.shape.id,
        address: service.address,
        memoryBytes,
        speed: speeds,
        labels: {},
        joinToken: '',
        dtype: 'float32',
        weightsDigest: model.weightsDigest,
      },
      {
        // The round trip is the emulated one, not that of this machine.
        registry: { ...createGrpcSwarmRegistry(undefined), measureRoundTripSeconds: async () => speeds.rttSeconds },
        host,
        hosting: new SpanHosting(host, memoryBytes),
        clock: systemClock,
        rng: createRng(1, server.id),
        listener: {
          joined: () => undefined,
          lost: () => undefined,
          refused: (error) => {
            throw error;
          },
          spanOrdered: () => undefined,
          spanReady: () => undefined,
          spanFailed: () => undefined,
        },
      },
    );
    started.push({ membership, close: () => service.close() });
    membership.start();
  }
  return {
    meanLagSeconds: () => journeys.lateMs / 1000 / Math.max(1, journeys.steps),
    close: async () => {
      await Promise.all(started.map(({ membership }) => membership.leave('the measurement is over')));
      await Promise.all(started.map(({ close }) => close()));
    },
  };
}

export function fasterBy(speedUp: number, speeds: SharedServerSpeeds): SharedServerSpeeds {
  return {
    rttSeconds: speeds.rttSeconds / speedUp,
    overheadSeconds: speeds.overheadSeconds / speedUp,
    overheadSecondsPerBlock: speeds.overheadSecondsPerBlock / speedUp,
    prefillSecondsPerTokenPerBlock: speeds.prefillSecondsPerTokenPerBlock / speedUp,
    decodeSecondsPerTokenPerBlock: speeds.decodeSecondsPerTokenPerBlock / speedUp,
    concurrencySlope: speeds.concurrencySlope,
  };
}
