import { printableLine } from '../adapters/wire/printable-text.ts';
import { type Column, fittedTable, hanging } from './fitted-table.ts';
import type { StatusDocument } from './status-client.ts';

type SpanJson = { readonly first_block: number; readonly block_count: number };

/** Rows of a table at most; --json has them all. */
const SHOWN_ROWS = 100;
const UNKNOWN = '-';
const NO_BREAK = '\u00a0';

const SERVER_COLUMNS: readonly Column[] = [
  { title: 'server' },
  { title: 'state' },
  { title: 'blocks' },
  { title: 'planned', rank: 6 },
  { title: 'sessions', rank: 7 },
  { title: 'cache free', rank: 4 },
  { title: 'per token+block', rank: 2 },
  { title: 'pace', rank: 3 },
  { title: 'rtt', rank: 1 },
  { title: 'seen', rank: 5 },
  { title: 'why not' },
];
const CHAIN_COLUMNS: readonly Column[] = [
  { title: 'chain' },
  { title: 'in use' },
  { title: 'planned', rank: 2 },
  { title: 'measured', rank: 1 },
  { title: 'servers [blocks]' },
];

/**
 * The state of a dispatcher for people: readiness, plan, servers, chains.
 * @param width characters that a line may have; without it lines are as long as they need
 */
export function statusTable(status: StatusDocument, width = Number.POSITIVE_INFINITY): string {
  const { plan, servers, chains } = status;
  const serverRows = servers.map((server) => [
    server.server_id,
    server.state,
    blocks(server.hosted),
    blocks(server.planned),
    String(server.sessions),
    bytes(server.cache_bytes_free),
    duration(server.decode_seconds_per_token_per_block),
    server.pace.toFixed(2),
    duration(server.rtt_seconds),
    `${elapsed(server.heartbeat_age_seconds)} ago`,
    server.reason ?? '',
  ]);
  const chainRows = chains.map((chain) => [
    chain.chain_id,
    `${chain.slots_in_use} of ${chain.slots}`,
    duration(chain.planned_service_seconds),
    duration(chain.measured_service_seconds),
    chain.hops.map((hop) => `${hop.server_id} [${blocks(hop)}]`.replaceAll(' ', NO_BREAK)).join(` ->${NO_BREAK}`),
  ]);
  const lines = [
    `${status.is_ready ? 'Ready' : 'Not ready'}: ${plan.model_id}, ${plan.block_count} blocks, at ${status.url}`,
    ...status.reasons.flatMap((reason) => hanging('  ', reason, width)),
    '',
    ...factLines(status, width),
    '',
    ...table(SERVER_COLUMNS, serverRows, width, 'no server has joined'),
    '',
    ...table(CHAIN_COLUMNS, chainRows, width, 'no chain serves'),
  ];
  // Names come from servers.
  return `${lines.map(printableLine).join('\n')}\n`;
}

function factLines({ plan, queue }: StatusDocument, width: number): string[] {
  const bounds = plan.response_seconds;
  const age = plan.age_seconds === null ? '' : `, ${elapsed(plan.age_seconds)} old`;
  const oldest = queue.oldest_wait_seconds === null ? '' : `, the oldest for ${elapsed(queue.oldest_wait_seconds)}`;
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
    ['coverage', `${plan.block_coverage_min} or more servers for every block`],
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
      `${elapsed(age_seconds)} ago (${cause}): ${kind === 'keep' ? 'kept' : 'changed'}, ${reason}`,
    ]);
  }
  if (plan.search !== null) {
    const { outcome, reason, age_seconds, seconds, evaluations } = plan.search;
    const cost = seconds === null ? '' : ` after ${duration(seconds)} and ${evaluations ?? 0} plans`;
    facts.push(['latest search', `${elapsed(age_seconds)} ago: ${outcome}${cost}, ${reason}`]);
  }
  if (plan.pending_moves > 0) facts.push(['moves to come', String(plan.pending_moves)]);
  if (plan.reason !== null) facts.push(['note', plan.reason]);
  const longest = Math.max(...facts.map(([name]) => name.length));
  return facts.flatMap(([name, value]) => hanging(`${name.padEnd(longest)}  `, value, width));
}

/** How the placement in force was found. */
function foundBy({ placement_policy, source }: StatusDocument['plan']): string {
  if (source === null) return placement_policy;
  const how = source.kind === 'look' ? 'at once' : `search by ${source.objective ?? 'given slots'}`;
  return `${source.placement_policy}, ${how}`;
}

function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
  nothing: string,
): string[] {
  if (rows.length === 0) return [nothing];
  const lines = fittedTable(columns, rows.slice(0, SHOWN_ROWS), width);
  const hidden = rows.length - SHOWN_ROWS;
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

/** How long ago: coarser the longer. */
function elapsed(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  if (seconds < 7_200) return `${(seconds / 60).toFixed(0)} min`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(0)} h` : `${(seconds / 86_400).toFixed(0)} d`;
}

function bytes(count: number | null): string {
  if (count === null) return UNKNOWN;
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
  return count >= 1e7 ? `${(count / 1e6).toFixed(0)} MB` : `${(count / 1e3).toFixed(0)} kB`;
}

function rate(perSecond: number): string {
  return String(Number(perSecond.toPrecision(3)));
}
