/** A TCP end point. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const PATTERN = /^(?:\[(?<v6>[0-9a-fA-F:.]{2,45})\]|(?<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))):(?<port>\d{1,5})$/;

/**
 * Reads `host:port`: a name or IPv4 address, or an IPv6 address in brackets. Undefined for anything
 * else, in particular for the `unix:` and other schemes that gRPC libraries would follow: addresses
 * come from peers.
 * @param minimumPort 1, or 0 where "any free port" makes sense
 */
export function parseHostPort(text: string, minimumPort: 0 | 1 = 1): HostPort | undefined {
  const groups = PATTERN.exec(text)?.groups;
  const host = groups?.['v6'] ?? groups?.['name'];
  const port = Number(groups?.['port']);
  if (host === undefined || !(port >= minimumPort && port <= 65_535)) return undefined;
  return { host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
