import type { z } from 'zod';
import type { configSchema } from './schema.ts';

/** Requirements between keys, each broken one as a sentence with its remedy. */
export function checkTogether(config: z.output<typeof configSchema>): string[] {
  const problems: string[] = [];
  const { swarm, grpc, security, http } = config;
  if (swarm.lease_seconds < 2 * swarm.heartbeat_interval_seconds) {
    problems.push(
      `swarm.lease_seconds: must be at least twice swarm.heartbeat_interval_seconds ` +
        `(2 x ${swarm.heartbeat_interval_seconds}), not ${swarm.lease_seconds}: one late heartbeat would lose a server`,
    );
  }
  if (!isLoopback(grpc.host) && security.join_tokens.length === 0 && !security.allow_open) {
    problems.push(
      `grpc.host: ${grpc.host} lets other machines' servers join, so set security.join_tokens, or security.allow_open: true ` +
        `to let anyone join`,
    );
  }
  if (http.port !== 0 && http.port === grpc.port) {
    problems.push(`grpc.port: must differ from http.port (${http.port}), or be 0 for any free port`);
  }
  return problems;
}

/** Whether a listening address is reachable from this machine only. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
