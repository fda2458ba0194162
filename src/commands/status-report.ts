import { printableLine } from '../adapters/wire/printable-text.ts';
import type { StatusDocument } from './status-client.ts';

type SpanJson = { readonly first_block: number; readonly block_count: number };

/** Rows of a table at most; --json has them all. */
const SHOWN_ROWS = 100;
const UNKNOWN = '-';

/** The state of a dispatcher for people: readiness, plan, servers, chains. */
export function statusTable(status: StatusDocument): string {
  const { plan, servers, chains } = status;
  const lines = [
    `${status.is_ready ? 'Ready' : 'Not ready'}: ${plan.model_id}, ${plan.block_count} blocks, at ${status.url}`,
    ...status.reasons.map((reason) => `  ${reason}`),
    '',
    ...factLines(status),
    '',
    ...table(
      [
        'server',
        'state',
        'blocks',
        'planned',
        'sessions',
        'cache free',
        'per token+block',
        'pace',
        'rtt',
        'seen',
        'why not',
      ],
      servers.map((server) => [
        server.server_id,
        server.state,
        blocks(server.hosted),
        blocks(server.planned),
        String(server.sessions),
        bytes(server.cache_bytes_free),
        duration(server.decode_seconds_per_token_per_block),
        server.pace.toFixed(2),
        duration(server.rtt_seconds),
        `${duration(server.heartbeat_age_seconds)} ago`,
        server.reason ?? '',
      ]),
      'no server has joined',
    ),
    '',
    ...table(
      ['chain', 'in use', 'planned', 'measured', 'servers [blocks]'],
      chains.map((chain) => [
        chain.chain_id,
        `${chain.slots_in_use} of ${chain.slots}`,
        duration(chain.planned_service_seconds),
        duration(chain.measured_service_seconds),
        chain.hops.map((hop) => `${hop.server_id} [${blocks(hop)}]`).join(' -> '),
      ]),
      'no chain serves',
    ),
  ];
  // Names come from servers.
  return `${lines.map(printableLine).join('\n')}\n`;
}

function factLines({ plan, queue }: StatusDocument): string[] {
  const bounds = plan.response_seconds;
  const age = plan.age_seconds === null ? '' : `, ${duration(plan.age_seconds)} old`;
  const oldest = queue.oldest_wait_seconds === null ? '' : `, the oldest for ${duration(queue.oldest_wait_seconds)}`;
  const facts: [string, string][] = [
    ['plan', `epoch ${plan.epoch} (${foundBy(plan)})${age}`],
    [
      'reserved slots',
      plan.reserved_slots === null ? UNKNOWN : `${plan.reserved_slots} of ${plan.slot_tokens} tokens each`,
    ],
    [
      'requests',
      `${queue.running} running in ${plan.total_slots} slots, ${queue.length} of at most ${queue.limit} waiting${oldest}`,
    ],
    [
      'arrivals',
      `${rate(plan.arrival_rate_per_second)} of ${rate(plan.service_rate_per_second)} requests/s that can be served`,
    ],
    ['mean response', bounds === null ? UNKNOWN : `${duration(bounds.lower)} to ${duration(bounds.upper)}`],
    ['coverage', `${plan.block_coverage_min} servers or more for every block`],
  ];
  const { input_tokens, output_tokens, is_measured } = plan.workload;
  facts.push([
    'mean request',
    `${Math.round(input_tokens)} tokens in, ${Math.round(output_tokens)} out (${is_measured ? 'measured' : 'configured'})`,
  ]);
  if (plan.decision !== null) {
    const { kind, cause, reason, age_seconds } = plan.decision;
    facts.push([
      'latest look',
      `${duration(age_seconds)} ago (${cause}): ${kind === 'keep' ? 'kept' : 'changed'}, ${reason}`,
    ]);
  }
  if (plan.search !== null) {
    const { outcome, reason, age_seconds, seconds, evaluations } = plan.search;
    const cost = seconds === null ? '' : ` after ${duration(seconds)} and ${evaluations ?? 0} plans`;
    facts.push(['latest search', `${duration(age_seconds)} ago: ${outcome}${cost}, ${reason}`]);
  }
  if (plan.pending_moves > 0) facts.push(['moves to come', String(plan.pending_moves)]);
  if (plan.reason !== null) facts.push(['note', plan.reason]);
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

/** How the placement in force was found. */
function foundBy({ placement_policy, source }: StatusDocument['plan']): string {
  if (source === null) return placement_policy;
  const how = source.kind === 'look' ? 'at once' : `search by ${source.objective ?? 'given slots'}`;
  return `${source.placement_policy}, ${how}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[], nothing: string): string[] {
  if (rows.length === 0) return [nothing];
  const shown = rows.slice(0, SHOWN_ROWS);
  const widths = head.map((title, column) => Math.max(title.length, ...shown.map((row) => row[column]?.length ?? 0)));
  const lines = [head, ...shown].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const hidden = rows.length - shown.length;
  return hidden > 0 ? [...lines, `and ${hidden} more; --json lists them all`] : lines;
}

function blocks(span: SpanJson | null): string {
  return span === null || span.block_count === 0
    ? UNKNOWN
    : `${span.first_block}..${span.first_block + span.block_count - 1}`;
}

function duration(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  if (seconds >= 100) return `${seconds.toFixed(0)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  return `${Number((seconds * 1000).toPrecision(3))} ms`;
}

function bytes(count: number | null): string {
  if (count === null) return UNKNOWN;
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  return count >= 1e7 ? `${(count / 1e6).toFixed(0)} MB` : `${(count / 1e3).toFixed(0)} kB`;
}

function rate(perSecond: number): string {
  return String(Number(perSecond.toPrecision(3)));
}
