import { type ChannelOptions, Client } from '@grpc/grpc-js';
import type { TransportHop } from '../../../application/ports/chain-transport.ts';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import { parseHostPort } from '../../wire/address.ts';
import { MAX_MESSAGE_BYTES, STREAM_WINDOW_BYTES } from '../../wire/limits.ts';
import { credentialsFor } from './server-credentials.ts';

export interface ChannelPoolLimits {
  /** Connections to one server: several carry more round trips a second than one. */
  readonly maxChannelsPerServer: number;
  /** Streams of a connection from which the next session opens another one. */
  readonly streamsPerChannel: number;
  /** Servers with a pooled connection; beyond it the one idle longest is closed. */
  readonly maxServers: number;
}

export const DEFAULT_POOL_LIMITS: ChannelPoolLimits = {
  maxChannelsPerServer: 4,
  streamsPerChannel: 8,
  maxServers: 1_024,
};

const OPTIONS: ChannelOptions = {
  // Without it, grpc-js would share one connection between all channels to an address.
  'grpc.use_local_subchannel_pool': 1,
  'grpc-node.flow_control_window': STREAM_WINDOW_BYTES,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A session's stream cannot be repeated on another connection; retries would only buffer every message.
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A server that comes back must not wait out a back-off of minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // The data plane talks to the addresses that servers gave, never through a web proxy.
  'grpc.enable_http_proxy': 0,
};

/** Servers are known by their certificates; a name is sent all the same, since an address must not stand for one. */
const TLS_OPTIONS: ChannelOptions = { ...OPTIONS, 'grpc.ssl_target_name_override': 'block-server' };

/** A place on a pooled connection, for one stream. */
export interface ChannelLease {
  readonly client: Client;
  /** Gives the place back. Idempotent. */
  release(): void;
}

interface PooledChannel {
  readonly client: Client;
  streams: number;
}

/** Connections to servers, several to a busy one, shared by sessions. */
export class ChannelPool {
  readonly #limits: ChannelPoolLimits;
  /** By address and certificate, least recently used first. */
  readonly #servers = new Map<string, PooledChannel[]>();
  #isClosed = false;

  constructor(limits: ChannelPoolLimits = DEFAULT_POOL_LIMITS) {
    this.#limits = limits;
  }

  /** @throws DispatcherError DSP_SERVER_LOST when the address is not `host:port`, or no connection may be added */
  lease({ address, serverId, certificate }: Pick<TransportHop, 'address' | 'serverId' | 'certificate'>): ChannelLease {
    if (this.#isClosed) throw new DispatcherError('DSP_SERVER_LOST', 'The transport is closed.', { serverId });
    if (parseHostPort(address) === undefined)
      throw new DispatcherError('DSP_SERVER_LOST', `The address of server ${serverId} is not host:port.`, { serverId });
    // A server that comes back with another certificate is another one to talk to.
    const key = `${address} ${certificate ?? ''}`;
    const channels = this.#servers.get(key) ?? [];
    this.#servers.delete(key);
    if (channels.length === 0) this.#makeRoom(serverId);
    this.#servers.set(key, channels);
    const channel = this.#choose(channels, address, certificate);
    channel.streams += 1;
    let isReleased = false;
    return {
      client: channel.client,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        channel.streams -= 1;
      },
    };
  }

  /** Closes every connection and refuses leases from now on. */
  close(): void {
    this.#isClosed = true;
    for (const channels of this.#servers.values()) for (const { client } of channels) client.close();
    this.#servers.clear();
  }

  /** The connection with the fewest streams, or a new one where all are busy and one may be added. */
  #choose(channels: PooledChannel[], address: string, certificate: string | undefined): PooledChannel {
    let least: PooledChannel | undefined;
    for (const channel of channels) if (least === undefined || channel.streams < least.streams) least = channel;
    if (
      least !== undefined &&
      (least.streams < this.#limits.streamsPerChannel || channels.length >= this.#limits.maxChannelsPerServer)
    )
      return least;
    const options = certificate === undefined ? OPTIONS : TLS_OPTIONS;
    const client = new Client(`dns:${address}`, credentialsFor(certificate), options);
    const added: PooledChannel = { client, streams: 0 };
    channels.push(added);
    return added;
  }

  #makeRoom(serverId: string): void {
    if (this.#servers.size < this.#limits.maxServers) return;
    for (const [key, channels] of this.#servers) {
      if (channels.some((channel) => channel.streams > 0)) continue;
      for (const { client } of channels) client.close();
      this.#servers.delete(key);
      return;
    }
    throw new DispatcherError(
      'DSP_SERVER_LOST',
      `Connections to ${this.#limits.maxServers} servers are in use, the limit.`,
      { serverId },
    );
  }
}
