import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import type { Logger } from 'pino';
import { createLogger, LOG_LEVELS } from '../adapters/observability/logger.ts';
import { createGrpcSwarmRegistry, type RegistryTls } from '../adapters/registry-client/swarm-registry-client.ts';
import { systemClock } from '../adapters/system/system-clock.ts';
import { type HostPort, parseHostPort } from '../adapters/wire/address.ts';
import type { MeasuredSpeed } from '../application/ports/block-host.ts';
import { SpanHosting } from '../application/server/host-span.ts';
import { type MembershipListener, SwarmMembership } from '../application/server/swarm-membership.ts';
import { WEIGHTS_DTYPES } from '../domain/model/weights-dtype.ts';
import type { DispatcherError } from '../domain/shared/errors.ts';
import { createRng } from '../domain/shared/rng.ts';
import { modelCacheFolder } from '../language-model/weights/locate-model.ts';
import type { AgentBackend } from './agent/agent-backend.ts';
import { openBuiltinBackend } from './agent/builtin-backend.ts';
import { openPetalsBackend } from './agent/petals-backend.ts';
import { type AgentFlags, addLabel, parseByteCount, parseDeclaredSpeed, parseThreadCount } from './agent-flags.ts';
import { type CommandIo, UsageError } from './command-io.ts';
import { isOffline, obtainModel } from './obtain-model.ts';
import { listenForStop } from './stop-signal.ts';
import { openSupervisorChannel, type SupervisorChannel } from './supervisor-channel.ts';
import { readCertificate, readKeyPair } from './tls-files.ts';

/** `daisychain agent`: a server of blocks that joins a dispatcher and hosts what it is told to. */
export function buildAgentCommand(io: CommandIo): Command {
  return new Command('agent')
    .description(
      'Runs a server of transformer blocks: joins a dispatcher, hosts the span it is given, and serves it until stopped.',
    )
    .requiredOption('--dispatcher <host:port>', "the dispatcher's gRPC address")
    .requiredOption('--model <id|folder>', 'the model whose blocks it can host; fetched unless it is here')
    .requiredOption(
      '--memory-bytes <bytes>',
      'memory for blocks and caches together, such as 4000000000, 512MiB or 2.5GB',
      parseByteCount,
    )
    .option(
      '--server-id <id>',
      'name of this server, the same after every restart; give each server of a machine its own',
      defaultServerId(),
    )
    .addOption(
      new Option('--backend <backend>', 'what computes the blocks').choices(['builtin', 'petals']).default('builtin'),
    )
    .addOption(
      new Option('--dtype <format>', "number format of the weights, the dispatcher's own; int8 is smaller and faster")
        .choices(WEIGHTS_DTYPES)
        .default('float32'),
    )
    .option('--listen <host:port>', 'where it serves hidden states; port 0 takes a free one', '127.0.0.1:0')
    .option(
      '--advertise <host:port>',
      'where the dispatcher reaches it, if not at the address it listens on; port 0 stands for the same port',
    )
    .option('--join-token <token>', 'the token that the dispatcher asks for; also DAISYCHAIN_JOIN_TOKEN')
    .option('--tls-ca <file>', "PEM file with the authority of the dispatcher's certificate: join over TLS")
    .option(
      '--tls-cert <file>',
      'PEM file with the certificate of this server, for the dispatcher and for what travels to it: hidden states then come over TLS',
    )
    .option('--tls-key <file>', 'PEM file with the key of that certificate')
    .option('--threads <count>', 'threads of one matrix product', parseThreadCount, 1)
    .option(
      '--declare-speed <overhead,prefill,decode>',
      'seconds per block, per prompt token and block, per output token and block, instead of a measurement',
      parseDeclaredSpeed,
    )
    .option('--label <key=value>', 'a label for operators; may be repeated', addLabel, {})
    .option('--petals-python <file>', 'Python with PETALS in it, for --backend petals; see docs/petals.md')
    .argument('[petals-flags...]', 'behind --: flags of the PETALS server, for --backend petals')
    .addOption(new Option('--log-level <level>', 'what goes to stderr').choices(LOG_LEVELS).default('info'))
    .action(async (petalsFlags: string[], flags: AgentFlags) => {
      if (flags.backend === 'builtin' && petalsFlags.length > 0)
        throw new UsageError(`${petalsFlags[0]}: only --backend petals takes flags of a PETALS server`);
      if (flags.backend === 'petals' && flags.dtype !== 'float32')
        throw new UsageError('--dtype: a PETALS server has flags of its own for its weights, behind --');
      const channel = openSupervisorChannel();
      try {
        // Without its supervisor it ends at once: an orphan would occupy memory for nobody.
        await Promise.race([runAgent(io, flags, petalsFlags, channel), channel.lost]);
      } finally {
        channel.release();
      }
    });
}

async function runAgent(
  io: CommandIo,
  flags: AgentFlags,
  petalsFlags: readonly string[],
  channel: SupervisorChannel,
): Promise<void> {
  const listen = addressFlag('--listen', flags.listen, 0);
  addressFlag('--dispatcher', flags.dispatcher, 1);
  const advertise = flags.advertise === undefined ? undefined : addressFlag('--advertise', flags.advertise, 0);
  const tls = tlsFlags(flags);
  const logger = createLogger({ level: flags.logLevel, destination: io.stderr }).child({
    component: 'agent',
    serverId: flags.serverId,
  });

  const stop = listenForStop();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {});
  let backend: AgentBackend | undefined;
  let membership: SwarmMembership | undefined;
  try {
    const cacheFolder = modelCacheFolder(io.env);
    const wish = { model: flags.model, cacheFolder, isOffline: isOffline(io.env), signal: stop.signal };
    const modelPath = await Promise.race([obtainModel(wish, io).catch(unlessStopped(stop.signal)), stop.received]);
    if (modelPath === undefined) return;
    const place = { modelPath, memoryBytes: flags.memoryBytes, listen, advertise, logger };
    backend =
      flags.backend === 'petals'
        ? await openPetalsBackend({
            ...place,
            petalsFlags,
            serverId: flags.serverId,
            python: flags.petalsPython,
            stateFolder: cacheFolder,
            env: io.env,
            signal: stop.signal,
          }).catch(unlessStopped(stop.signal))
        : await openBuiltinBackend({
            ...place,
            dtype: flags.dtype,
            threads: flags.threads,
            tls: tls?.identity,
            onFailure: failure.reject,
          });
    if (backend === undefined) return;
    const { host, address, protocol, modelId } = backend;
    const speed = await Promise.race([speedOf(backend, flags, channel), stop.received, failure.promise]);
    if (speed === undefined) return;
    membership = new SwarmMembership(
      {
        dispatcherAddress: flags.dispatcher,
        serverId: flags.serverId,
        modelId,
        address,
        protocol,
        memoryBytes: flags.memoryBytes,
        speed: { ...speed, rttSeconds: undefined },
        labels: flags.label,
        joinToken: flags.joinToken ?? io.env['DAISYCHAIN_JOIN_TOKEN'] ?? '',
        dtype: flags.dtype,
        weightsDigest: backend.weightsDigest,
        sessionToken: backend.sessionToken,
        certificate: backend.certificate,
      },
      {
        registry: createGrpcSwarmRegistry(tls),
        host,
        hosting: new SpanHosting(host, flags.memoryBytes),
        clock: systemClock,
        rng: createRng(process.pid, flags.serverId),
        listener: membershipLog(logger, {
          joined: () => channel.send({ type: 'joined', address }),
          refused: failure.reject,
        }),
      },
    );
    const member = membership;
    backend.whenLost(() => member.rejoin());
    membership.start();
    logger.info({ address, modelId, ...speed }, 'listening, joins now');
    await Promise.race([stop.received, failure.promise]);
  } finally {
    stop.release();
    await membership?.leave('the server was stopped');
    await backend?.close();
  }
}

/** A fetching that Ctrl-C broke off is no failure. */
function unlessStopped(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

async function speedOf(backend: AgentBackend, flags: AgentFlags, channel: SupervisorChannel): Promise<MeasuredSpeed> {
  if (flags.declareSpeed !== undefined) return flags.declareSpeed;
  channel.send({ type: 'ready-to-measure' });
  await channel.turnTo('measure');
  const speed = await backend.measureSpeed();
  const turn = channel.turnTo('join');
  channel.send({ type: 'measured' });
  await turn;
  return speed;
}

function membershipLog(
  logger: Logger,
  also: { joined(): void; refused(error: DispatcherError): void },
): MembershipListener {
  return {
    joined: (dispatcherId) => {
      logger.info({ dispatcherId }, 'joined');
      also.joined();
    },
    lost: (error, retryInMs) =>
      logger.warn({ reason: error.message, retryInMs: Math.round(retryInMs) }, 'not joined, trying again'),
    refused: also.refused,
    spanOrdered: (epoch, firstBlock, blockCount) => logger.info({ epoch, firstBlock, blockCount }, 'loading blocks'),
    spanReady: (epoch) => logger.info({ epoch }, 'blocks ready'),
    spanFailed: (epoch, reason) => logger.error({ epoch, reason }, 'blocks not loaded'),
  };
}

/** @throws UsageError naming the flag */
function tlsFlags({ tlsCa, tlsCert, tlsKey }: AgentFlags): RegistryTls | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError(tlsCert === undefined ? '--tls-key: needs --tls-cert' : '--tls-cert: needs --tls-key');
  if (tlsCa === undefined) {
    if (tlsCert !== undefined) throw new UsageError('--tls-cert: needs --tls-ca, which turns TLS on');
    return undefined;
  }
  return {
    ca: readCertificate('--tls-ca', tlsCa),
    identity:
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : readKeyPair({ param: '--tls-cert', file: tlsCert }, { param: '--tls-key', file: tlsKey }),
  };
}

function addressFlag(flag: string, text: string, minimumPort: 0 | 1): HostPort {
  const address = parseHostPort(text, minimumPort);
  if (address === undefined) throw new UsageError(`${flag}: '${text}' is not HOST:PORT, for instance 127.0.0.1:50051`);
  return address;
}

/** The machine's name in the form that dispatchers accept. */
function defaultServerId(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 63) || 'server'
  );
}
