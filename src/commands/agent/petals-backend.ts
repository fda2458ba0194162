import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { createPetalsTransport } from '../../adapters/chain-transport/petals/transport.ts';
import { ManagedPetalsServer } from '../../adapters/petals-process/managed-petals-server.ts';
import { newRandomId } from '../../adapters/system/random-id.ts';
import { systemClock } from '../../adapters/system/system-clock.ts';
import type { HostPort } from '../../adapters/wire/address.ts';
import { PetalsNetwork } from '../../adapters/wire/petals/petals-network.ts';
import { measureSessionSpeed } from '../../application/server/measure-session-speed.ts';
import { openModelWeights } from '../../language-model/weights/open-model-weights.ts';
import { computeBlockBytes, computeCacheBytesPerToken } from '../../language-model/weights/tensor-names.ts';
import { UsageError } from '../command-io.ts';
import { dhtPrefixOf } from '../petals-names.ts';
import type { AgentBackend } from './agent-backend.ts';
import { petalsModelFolder } from './petals-model.ts';

export interface PetalsBackendOptions {
  /** Folder of the model, as `locateModel` gave it. */
  readonly modelPath: string;
  readonly serverId: string;
  readonly memoryBytes: number;
  readonly listen: HostPort;
  readonly advertise: HostPort | undefined;
  /** The interpreter of an environment with PETALS; undefined looks for the one that the repository's script makes. */
  readonly python: string | undefined;
  /** What stands behind `--`: handed to PETALS as it is. */
  readonly petalsFlags: readonly string[];
  /** Where the server's identity is kept, and its model where PETALS needs another form of it. */
  readonly stateFolder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

const SCRIPTS = fileURLToPath(new URL('../../../scripts/petals', import.meta.url));
const MADE_PYTHON = fileURLToPath(new URL('../../../.cache/petals/venv/bin/python', import.meta.url));

/** Flags of PETALS that say where it listens: with one of them, `--listen` is not used. */
const PLACE_FLAGS = ['--host_maddrs', '--port', '--public_ip', '--announce_maddrs'];
/** Flags that the agent decides. */
const OWN_FLAGS = ['--block_indices', '--num_blocks', '--attn_cache_tokens'];

const MEASURING_TOKENS = 64;
const MEASURING_TIMEOUT_MS = 30_000;

/**
 * Starts a PETALS server under this agent's hand.
 * @throws UsageError for flags that the agent decides; DispatcherError
 */
export async function openPetalsBackend(options: PetalsBackendOptions): Promise<AgentBackend> {
  const { modelPath, serverId, petalsFlags, listen, advertise, logger } = options;
  const contradiction = OWN_FLAGS.find((flag) => petalsFlags.includes(flag));
  if (contradiction !== undefined)
    throw new UsageError(`${contradiction}: the dispatcher decides the blocks and their cache; leave it out`);
  const weights = await openModelWeights(modelPath);
  const { id: modelId, config } = weights;
  await weights.close();
  const model = {
    blockCount: config.blockCount,
    blockBytes: computeBlockBytes(config, 'float32'),
    cacheBytesPerTokenPerBlock: computeCacheBytesPerToken(config),
  };
  const hasPlace = PLACE_FLAGS.some((flag) => petalsFlags.includes(flag));
  const port = hasPlace ? 0 : listen.port || (await freePort(listen.host));
  const dhtPrefix = flagValue(petalsFlags, '--dht_prefix') ?? dhtPrefixOf(modelId);
  const network = new PetalsNetwork();
  let onLost = (): void => undefined;
  const server = new ManagedPetalsServer({
    python: options.python ?? (existsSync(MADE_PYTHON) ? MADE_PYTHON : 'python3'),
    args: [
      path.join(SCRIPTS, 'run_server.py'),
      '--orders',
      ...(await modelArgument(options)),
      ...petalsFlags,
      ...missingFlags(petalsFlags, identityFile(options.stateFolder, serverId), dhtPrefix),
      ...(hasPlace ? [] : ['--host_maddrs', `/${familyOf(listen.host)}/${listen.host}/tcp/${port}`]),
    ],
    env: options.env,
    dhtPrefix,
    model,
    network,
    clock: systemClock,
    log: (message, fields) => logger.warn(fields, message),
    logLine: (line) => logger.debug({ line }, 'petals'),
    onLost: () => onLost(),
  });
  const close = async (): Promise<void> => {
    await server.close();
    await network.close();
  };
  options.signal.addEventListener('abort', () => void server.close(), { once: true });
  try {
    const addresses = await server.start();
    const reached = addresses.find((address) => address.includes('/127.0.0.1/')) ?? addresses[0] ?? '';
    server.reachedAt(reached);
    const peer = reached.slice(reached.lastIndexOf('/p2p/'));
    const outside = addresses.find((address) => !address.includes('/127.0.0.1/') && !address.includes('/::1/'));
    const place = advertise ?? (isEverywhere(listen.host) || hasPlace ? undefined : listen);
    const address =
      place === undefined
        ? (outside ?? reached)
        : `/${familyOf(place.host)}/${place.host}/tcp/${place.port || port}${peer}`;
    return {
      modelId,
      address,
      protocol: 'petals',
      weightsDigest: '',
      // PETALS encrypts by itself, and its servers take sessions from any peer.
      sessionToken: undefined,
      certificate: undefined,
      host: server,
      measureSpeed: async () => {
        const block = { firstBlock: 0, blockCount: 1 };
        await server.host(block, MEASURING_TOKENS * model.cacheBytesPerTokenPerBlock);
        const transport = createPetalsTransport({ dhtPrefix, network });
        const hop = { serverId, address: reached, protocol: 'petals' as const, ...block };
        const speed = await measureSessionSpeed(
          transport,
          hop,
          { id: modelId, hiddenSize: config.hiddenSize },
          { sessionId: newRandomId(), stepTimeoutMs: MEASURING_TIMEOUT_MS, nowMs: () => systemClock.nowMs() },
        );
        await transport.close();
        await server.host({ firstBlock: 0, blockCount: 0 }, 0);
        return speed;
      },
      whenLost: (listener) => {
        onLost = listener;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The agent's model in a form that PETALS reads, unless the flags name one. */
async function modelArgument(options: PetalsBackendOptions): Promise<string[]> {
  const { modelPath, petalsFlags, stateFolder, logger, signal } = options;
  const [first] = petalsFlags;
  if ((first !== undefined && !first.startsWith('-')) || petalsFlags.includes('--converted_model_name_or_path'))
    return [];
  const note = (folder: string): void => logger.info({ folder }, 'writing the model in a form that PETALS reads');
  return [await petalsModelFolder(modelPath, stateFolder, signal, note)];
}

function missingFlags(given: readonly string[], identity: string, dhtPrefix: string): string[] {
  const defaults: readonly (readonly [string, ...string[]])[] = [
    ['--identity_path', identity],
    ['--dht_prefix', dhtPrefix],
    ['--torch_dtype', 'float32'],
    // Plans go by what the agent measures; the swarm only wants a number here.
    ['--throughput', '1'],
    ['--update_period', '30'],
  ];
  const missing = defaults.filter(([flag]) => !given.includes(flag)).flat();
  if (!given.includes('--initial_peers') && !given.includes('--new_swarm')) missing.push('--new_swarm');
  if (!given.includes('--skip_reachability_check')) missing.push('--skip_reachability_check');
  return missing;
}

function flagValue(flags: readonly string[], name: string): string | undefined {
  const at = flags.indexOf(name);
  return at < 0 ? undefined : flags[at + 1];
}

/** The same after every restart: it is what the peer id comes from. */
function identityFile(stateFolder: string, serverId: string): string {
  const folder = path.join(stateFolder, 'petals', serverId);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return path.join(folder, 'identity');
}

function familyOf(host: string): string {
  if (host.includes(':')) return 'ip6';
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) ? 'ip4' : 'dns';
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** Fixed for the agent's life, so that a restarted server is found where it was. */
async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
