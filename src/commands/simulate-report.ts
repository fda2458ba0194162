import type { ContestantResult } from '../simulation/run-contestant.ts';
import type { Distribution } from '../simulation/statistics.ts';
import { textTable } from './text-table.ts';

/**
 * The document of `simulate --json`.
 * @param tooLong requests of a trace that fit no session and were left out
 */
export function simulationDocument(results: readonly ContestantResult[], tooLong: number): Record<string, unknown> {
  return { contestants: results.map(contestantDocument), ...(tooLong > 0 ? { requests_too_long: tooLong } : {}) };
}

function contestantDocument(result: ContestantResult): Record<string, unknown> {
  const { name } = result.contestant;
  if (result.kind === 'infeasible') return { name, feasible: false, reason: result.reason };
  const { summary, plan } = result;
  return {
    name,
    response_seconds: {
      mean: summary.response.mean,
      half_width: finite(summary.response.halfWidth),
      ...quantiles(summary.response),
    },
    waiting_seconds: { mean: summary.waiting.mean, ...quantiles(summary.waiting) },
    service_seconds: { mean: summary.service.mean },
    ...(summary.firstToken === undefined
      ? {}
      : { time_to_first_token_seconds: { mean: summary.firstToken.mean, ...quantiles(summary.firstToken) } }),
    worst_stretch: summary.worstStretch,
    throughput_per_second: summary.throughputPerSecond,
    jobs: summary.jobs,
    plan: { reserved_slots: plan.reservedSlots, chains: plan.chains.length, total_slots: plan.totalSlots },
    ...(plan.reason === undefined ? {} : { reason: plan.reason }),
  };
}

/** The same for people, seconds. */
export function simulationTable(results: readonly ContestantResult[], tooLong: number): string {
  const rows = results.map((result) => {
    if (result.kind === 'infeasible') return [result.contestant.name, 'no plan'];
    const { response, waiting, service, firstToken, worstStretch } = result.summary;
    return [
      result.contestant.name,
      `${seconds(response.mean)} ± ${seconds(response.halfWidth)}`,
      seconds(response.p50),
      seconds(response.p95),
      seconds(response.p99),
      seconds(worstStretch),
      seconds(waiting.mean),
      seconds(service.mean),
      firstToken === undefined ? '' : seconds(firstToken.mean),
      String(result.plan.reservedSlots),
      String(result.plan.totalSlots),
    ];
  });
  const head = [
    'contestant',
    'response s',
    'p50',
    'p95',
    'p99',
    'worst stretch',
    'waiting',
    'service',
    'first token',
    'reserved',
    'slots',
  ];
  const notes = results.flatMap((result) => {
    const reason = result.kind === 'infeasible' ? result.reason : result.plan.reason;
    return reason === undefined ? [] : [`${result.contestant.name}: ${reason}.`];
  });
  if (tooLong > 0) notes.push(`${tooLong} requests are longer than a session and were left out.`);
  return `${[...textTable(head, rows), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

function quantiles({ p50, p95, p99 }: Distribution): { p50: number; p95: number; p99: number } {
  return { p50, p95, p99 };
}

/** JSON knows no infinity: too few jobs to say. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function seconds(value: number): string {
  return Number.isFinite(value) ? value.toPrecision(4) : '?';
}
