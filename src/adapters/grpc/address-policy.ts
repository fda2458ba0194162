import { BlockList, isIP, isIPv6 } from 'node:net';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { formatHostPort, parseHostPort } from '../wire/address.ts';
import { parsePeerAddress } from '../wire/petals/peer-address.ts';

export interface AddressPolicyOptions {
  /** `own`: the address a server connects from, nothing else but `networks`. */
  readonly serverAddresses: 'own' | 'any';
  /** CIDR networks whose addresses may be registered besides. */
  readonly networks: readonly string[];
}

/**
 * Which data-plane address a server may register. The dispatcher dials it, so a join must not be
 * able to make it dial anywhere: by default only the address the server itself connects from. A
 * server that listens on every interface may register `0.0.0.0:PORT`: its own address is filled in.
 */
export class AddressPolicy {
  readonly #isAnyAllowed: boolean;
  readonly #networks = new BlockList();

  constructor(options: AddressPolicyOptions) {
    this.#isAnyAllowed = options.serverAddresses === 'any';
    for (const network of options.networks) {
      const [base = '', bits = ''] = network.split('/');
      this.#networks.addSubnet(base, Number(bits), isIPv6(base) ? 'ipv6' : 'ipv4');
    }
  }

  /**
   * @param address as registered   @param peerIp where the server connects from
   * @param protocol `petals`: the address is a multiaddr that ends in the peer id; else `host:port`
   * @returns the address to dial
   * @throws DispatcherError DSP_INVALID_ARGUMENT when it is none, DSP_JOIN_REFUSED when it is not allowed
   */
  check(address: string, peerIp: string, protocol = 'grpc'): string {
    if (protocol === 'petals') return this.#checkMultiaddr(address, peerIp);
    const parsed = parseHostPort(address);
    if (parsed === undefined)
      throw new DispatcherError('DSP_INVALID_ARGUMENT', 'address: must be HOST:PORT with a port from 1 to 65535', {
        param: 'address',
      });
    const own = plainIp(peerIp);
    const host = plainIp(parsed.host);
    if (host === '0.0.0.0' || host === '::') return formatHostPort({ host: own, port: parsed.port });
    if (this.#isAnyAllowed || host === own || (isLoopback(own) && isLoopback(host)) || this.#isInNetworks(host)) {
      return formatHostPort({ host, port: parsed.port });
    }
    throw new DispatcherError(
      'DSP_JOIN_REFUSED',
      `address: ${parsed.host} is not the address this server connects from (${own}): advertise that one${
        isLoopback(host) ? ', as --listen 0.0.0.0:PORT does' : ''
      }, or ask the operator to allow it (swarm.server_networks, swarm.server_addresses)`,
      { param: 'address' },
    );
  }

  #checkMultiaddr(address: string, peerIp: string): string {
    if (parsePeerAddress(address) === undefined)
      throw new DispatcherError(
        'DSP_INVALID_ARGUMENT',
        'address: must be /ip4/HOST/tcp/PORT/p2p/ID, the address of a PETALS server',
        { param: 'address' },
      );
    const [, , host = '', , port = '', ...peer] = address.split('/');
    const allowed = parseHostPort(this.check(formatHostPort({ host, port: Number(port) }), peerIp));
    const dialled = allowed?.host ?? host;
    const family = isIP(dialled) === 0 ? 'dns' : `ip${isIP(dialled)}`;
    return `/${family}/${dialled}/tcp/${port}/${peer.join('/')}`;
  }

  #isInNetworks(host: string): boolean {
    const family = isIP(host);
    return family !== 0 && this.#networks.check(host, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Address of a gRPC peer ("127.0.0.1:4711", "[::1]:4711", "::1:4711"), without its port. */
export function peerIpOf(peer: string): string {
  return plainIp(peer.slice(0, Math.max(0, peer.lastIndexOf(':'))));
}

/** Without brackets, and an IPv4 address that travels as IPv6 (`::ffff:1.2.3.4`) as IPv4. */
function plainIp(host: string): string {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  return bare.startsWith('::ffff:') && isIP(bare.slice(7)) === 4 ? bare.slice(7) : bare;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
