import { Command } from 'commander';
import { createLogger } from '../adapters/observability/logger.ts';
import type { ClosableTracer } from '../adapters/observability/otlp-tracer.ts';
import { HASHED_KEY } from '../application/access/key-ring.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { openLanguageModel } from '../language-model/open-language-model.ts';
import { type CommandIo, UsageError } from './command-io.ts';
import { embeddedMemoryBudgets } from './serve/embedded-memory.ts';
import { type EmbeddedSwarm, startEmbeddedSwarm } from './serve/embedded-swarm.ts';
import { openTracer } from './serve/open-tracer.ts';
import { prepareModel } from './serve/prepare-model.ts';
import { DEFAULT_SESSION_TOKENS, type RunningDispatcher, startDispatcher } from './serve/start-dispatcher.ts';
import { listenForStop } from './stop-signal.ts';

interface ServeFlags {
  readonly config?: string;
  readonly embeddedSwarm?: string | true;
  readonly model?: string;
  readonly dtype?: string;
  readonly host?: string;
  readonly httpPort?: string;
  readonly grpcPort?: string;
  readonly logLevel?: string;
}

const DEFAULT_EMBEDDED_SERVERS = 4;
const MAX_EMBEDDED_SERVERS = 64;

/** An embedded swarm is somebody's terminal: Ctrl-C ends it within 3 s, requests that run included. */
const EMBEDDED_GRACE_MS = 1_000;
const CHILD_GRACE_MS = 1_000;

/** `daisychain serve`: the dispatcher, and with `--embedded-swarm` block servers beside it. */
export function buildServeCommand(io: CommandIo): Command {
  return new Command('serve')
    .description('Runs the dispatcher: servers join over gRPC, clients ask over HTTP (OpenAI API) and gRPC.')
    .option('--config <file>', 'YAML or JSON configuration; config/default.yaml shows every key')
    .option('--embedded-swarm [n]', `also start n block servers on this machine (default ${DEFAULT_EMBEDDED_SERVERS})`)
    .option('--model <id or path>', 'model to serve: an id, or a folder with its files')
    .option('--dtype <format>', 'number format of the weights: float32 (default), or int8, smaller and faster')
    .option('--host <address>', 'address both fronts listen on')
    .option('--http-port <port>', 'port of the HTTP API; 0 for any free one')
    .option('--grpc-port <port>', 'port of the gRPC API, where servers join; 0 for any free one')
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace or silent')
    .action((flags: ServeFlags) => serve(flags, io));
}

async function serve(flags: ServeFlags, io: CommandIo): Promise<void> {
  const servers = embeddedServers(flags.embeddedSwarm);
  const config = loadConfig({ file: flags.config, env: io.env, flags });
  if (servers > 0 && config.security.join_tokens.length > 0 && plainJoinToken(config) === undefined)
    throw new UsageError(
      'security.join_tokens: the servers of --embedded-swarm need one to show: give one of them as it is, not as a digest',
    );
  if (servers > 0 && config.grpc.tls_cert_file !== undefined)
    throw new UsageError(
      'grpc.tls_cert_file: the servers of --embedded-swarm join without TLS: start agents with --tls-ca instead',
    );
  const stop = listenForStop();
  const { log_level: level, log_format: format } = config.observability;
  const log = createLogger({ level, format, isHushed: () => servers > 0 && stop.signal.aborted });
  const modelPath = await prepareModel(config, io, stop.signal);
  if (modelPath === undefined) return;
  const model = await openLanguageModel(modelPath, {
    dtype: config.model.dtype,
    maxPromptTokens: config.model.session_tokens ?? DEFAULT_SESSION_TOKENS,
    onFailure: (error) => log.fatal({ err: error }, 'the language model failed'),
  });
  let dispatcher: RunningDispatcher | undefined;
  let tracer: ClosableTracer | undefined;
  let swarm: EmbeddedSwarm | undefined;
  let reload = (): void => undefined;
  try {
    tracer = await openTracer(io.env, model.id);
    dispatcher = await startDispatcher(config, model, log, tracer);
    if (servers > 0) swarm = embed(servers, dispatcher, config, modelPath, io, log);
    else io.stdout.write(`daisychain listens: ${addresses(dispatcher)}; waiting for servers to join\n`);
    const running = dispatcher;
    reload = () => reloadDoors(running, log);
    running.ready.then(({ chains, slots }) => {
      io.stdout.write(
        `daisychain ready: ${addresses(running)}, model ${model.id}, ${count(chains, 'chain')}, ${count(slots, 'slot')}\n`,
      );
    });
    process.on('SIGHUP', reload);
    await stop.received;
    await running.drain(
      servers > 0
        ? Math.min(EMBEDDED_GRACE_MS, config.limits.grace_period_seconds * 1000)
        : config.limits.grace_period_seconds * 1000,
    );
  } finally {
    process.off('SIGHUP', reload);
    // The servers are told first, so that they say goodbye; their last steps end with the dispatcher's connections.
    const serversGone = swarm?.stop(CHILD_GRACE_MS);
    await dispatcher?.stop();
    await tracer?.close();
    await serversGone;
    await model.close();
  }
}

/** SIGHUP: new keys and certificates for the connections to come. A mistake in them changes nothing. */
function reloadDoors(dispatcher: RunningDispatcher, log: ReturnType<typeof createLogger>): void {
  try {
    dispatcher.reload();
    log.info({}, 'keys and certificates were read again');
  } catch (error) {
    log.error(
      { reason: error instanceof Error ? error.message : String(error) },
      'keys and certificates stay as they were',
    );
  }
}

function embed(
  servers: number,
  dispatcher: RunningDispatcher,
  config: Config,
  modelPath: string,
  io: CommandIo,
  log: ReturnType<typeof createLogger>,
): EmbeddedSwarm {
  return startEmbeddedSwarm({
    memoryBudgets: embeddedMemoryBudgets(servers, dispatcher.shape),
    dispatcherAddress: dispatcher.grpcAddress.replace(/^(0\.0\.0\.0|::):/, '127.0.0.1:'),
    model: modelPath,
    dtype: config.model.dtype,
    logLevel: 'warn',
    joinToken: plainJoinToken(config),
    env: io.env,
    onExit: (serverId, code, signal) => log.warn({ serverId, code, signal }, 'embedded server ended'),
  });
}

function plainJoinToken(config: Config): string | undefined {
  return config.security.join_tokens.find((token) => !HASHED_KEY.test(token));
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function addresses(dispatcher: RunningDispatcher): string {
  return `HTTP ${dispatcher.httpUrl}, gRPC ${dispatcher.grpcAddress}`;
}

function embeddedServers(flag: string | true | undefined): number {
  if (flag === undefined) return 0;
  if (flag === true) return DEFAULT_EMBEDDED_SERVERS;
  const servers = Number(flag);
  if (Number.isInteger(servers) && servers >= 1 && servers <= MAX_EMBEDDED_SERVERS) return servers;
  throw new UsageError(
    `--embedded-swarm: ${JSON.stringify(flag)} is no number of servers from 1 to ${MAX_EMBEDDED_SERVERS}`,
  );
}
