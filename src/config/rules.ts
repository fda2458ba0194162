import type { z } from 'zod';
import type { configSchema } from './schema.ts';

/** Requirements between keys, each broken one as a sentence with its remedy. */
export function checkTogether(config: z.output<typeof configSchema>): string[] {
  const problems: string[] = [];
  const { swarm, grpc, security, http, planner } = config;
  if (swarm.lease_seconds < 2 * swarm.heartbeat_interval_seconds) {
    problems.push(
      `swarm.lease_seconds: must be at least twice swarm.heartbeat_interval_seconds ` +
        `(2 x ${swarm.heartbeat_interval_seconds}), not ${swarm.lease_seconds}: one late heartbeat would lose a server`,
    );
  }
  if (planner.placement === 'best' && planner.objective === 'surrogate') {
    problems.push(
      'planner.objective: surrogate judges placements of gbp-cr only: use lower, upper or predicted with planner.placement: best',
    );
  }
  if (planner.time_limit_seconds <= planner.search_seconds) {
    problems.push(
      `planner.time_limit_seconds: must be more than planner.search_seconds (${planner.search_seconds}), not ` +
        `${planner.time_limit_seconds}: every search would be given up`,
    );
  }
  if (!isLoopback(grpc.host) && security.join_tokens.length === 0 && !security.allow_open) {
    problems.push(
      `grpc.host: ${grpc.host} lets other machines' servers join, so set security.join_tokens, or security.allow_open: true ` +
        `to let anyone join`,
    );
  }
  const hasClientKeys = security.api_keys.length > 0 || security.keys_file !== undefined;
  if (!isLoopback(http.host) && !hasClientKeys && !security.allow_open) {
    problems.push(
      `http.host: ${http.host} lets other machines ask, so set security.api_keys or security.keys_file, or ` +
        `security.allow_open: true to let anyone ask`,
    );
  }
  problems.push(...pairProblems('http', http), ...pairProblems('grpc', grpc));
  if (grpc.client_ca_file !== undefined && grpc.tls_cert_file === undefined) {
    problems.push('grpc.client_ca_file: certificates are shown over TLS only, so set grpc.tls_cert_file');
  }
  if (http.port !== 0 && http.port === grpc.port) {
    problems.push(`grpc.port: must differ from http.port (${http.port}), or be 0 for any free port`);
  }
  return problems;
}

function pairProblems(
  section: string,
  { tls_cert_file, tls_key_file }: { tls_cert_file?: string | undefined; tls_key_file?: string | undefined },
): string[] {
  if ((tls_cert_file === undefined) === (tls_key_file === undefined)) return [];
  const [given, missing] =
    tls_cert_file === undefined ? ['tls_key_file', 'tls_cert_file'] : ['tls_cert_file', 'tls_key_file'];
  return [`${section}.${given}: needs ${section}.${missing} beside it`];
}

/** Whether a listening address is reachable from this machine only. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
