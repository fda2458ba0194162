import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import { startBlockService } from '../../adapters/block-service/server.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { formatHostPort, type HostPort, parseHostPort } from '../../adapters/wire/address.ts';
import { createBlockHost } from '../../block-server/create-block-host.ts';
import type { WeightsDtype } from '../../domain/model/weights-dtype.ts';
import type { DispatcherError } from '../../domain/shared/errors.ts';
import { UsageError } from '../command-io.ts';
import type { AgentBackend } from './agent-backend.ts';

export interface BuiltinBackendOptions {
  readonly modelPath: string;
  readonly dtype: WeightsDtype;
  readonly memoryBytes: number;
  readonly threads: number;
  readonly listen: HostPort;
  readonly advertise: HostPort | undefined;
  /** This server's certificate and key, PEM, where it has one: its data plane then speaks TLS. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly logger: Logger;
  readonly onFailure: (error: DispatcherError) => void;
}

/** Blocks computed in this process, served over gRPC. @throws DispatcherError as `createBlockHost` */
export async function openBuiltinBackend(options: BuiltinBackendOptions): Promise<AgentBackend> {
  const { modelPath, dtype, memoryBytes, threads, listen, advertise, tls, logger, onFailure } = options;
  const host = await createBlockHost({ modelPath, dtype, memoryBytes, threads, onFailure });
  try {
    if (memoryBytes < host.blockBytes)
      throw new UsageError(
        `--memory-bytes: ${memoryBytes} bytes hold no block of ${host.modelId}: each takes ${host.blockBytes}, and its cache more`,
      );
    const sessionToken = newRandomId();
    const service = await startBlockService({ host, listen, sessionToken, tls, logger });
    const bound = parseHostPort(service.address) ?? listen;
    return {
      modelId: host.modelId,
      address: formatHostPort(
        advertise === undefined ? bound : { host: advertise.host, port: advertise.port || bound.port },
      ),
      protocol: 'grpc',
      weightsDigest: host.weightsDigest,
      sessionToken,
      certificate: tls === undefined ? undefined : new X509Certificate(tls.cert).toString(),
      host,
      measureSpeed: () => host.measureSpeed(),
      whenLost: () => undefined,
      close: async () => {
        await service.close();
        await host.close();
      },
    };
  } catch (error) {
    await host.close();
    throw error;
  }
}
