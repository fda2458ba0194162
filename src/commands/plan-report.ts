import type { SwarmFile } from '../config/swarm-file.ts';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective, PlanningResult } from '../domain/model/plan.ts';
import { endBlock } from '../domain/model/span.ts';
import { textTable } from './text-table.ts';

export interface PlanSettings {
  readonly placementPolicy: PlacementPolicy;
  /** Undefined when the reserved slots were given. */
  readonly objective: PlanningObjective | undefined;
  readonly planningMilliseconds: number;
}

/** Chains a table shows; a swarm of a thousand servers has hundreds. */
const SHOWN_CHAINS = 40;

/** The document of `plan --json`. */
export function planDocument(result: PlanningResult, settings: PlanSettings): Record<string, unknown> {
  const common = { placement_policy: settings.placementPolicy, objective: settings.objective ?? null };
  const planning_milliseconds = Number(settings.planningMilliseconds.toFixed(3));
  if (result.kind === 'infeasible') {
    return { feasible: false, reason: result.reason, ...common, planning_milliseconds };
  }
  return {
    feasible: true,
    ...common,
    reserved_slots: result.reservedSlots,
    placement: result.placement.map((span) => ({
      server_id: span.serverId,
      first_block: span.firstBlock,
      block_count: span.blockCount,
      ...(result.utilisation === undefined ? {} : { utilisation: result.utilisation.get(span.serverId) ?? 0 }),
    })),
    chains: result.chains.map((chain) => ({
      servers: chain.hops.map((hop) => hop.serverId),
      block_counts: chain.hops.map((hop) => hop.blockCount),
      slots: chain.slots,
      service_seconds: chain.serviceSeconds,
    })),
    total_slots: result.totalSlots,
    service_rate_per_second: result.serviceRatePerSecond,
    response_seconds:
      result.responseSeconds === undefined
        ? null
        : {
            lower: result.responseSeconds.lower,
            upper: result.responseSeconds.upper,
            ...(result.responseSeconds.predicted === undefined ? {} : { predicted: result.responseSeconds.predicted }),
          },
    ...(result.reason === undefined ? {} : { reason: result.reason }),
    planning_milliseconds,
  };
}

/** The same for people. */
export function planTable(swarm: SwarmFile, result: PlanningResult, settings: PlanSettings): string {
  if (result.kind === 'infeasible') return `No plan: ${result.reason}.\n`;
  const lines = [
    `Plan of ${swarm.model.id}, ${swarm.model.blockCount} blocks, on ${result.placement.length} of ${swarm.servers.length} servers`,
    '',
    ...facts(result, settings),
    '',
    ...textTable(
      ['server', 'blocks', 'count', ...(result.utilisation === undefined ? [] : ['busy'])],
      result.placement.map((span) => [
        span.serverId,
        `${span.firstBlock}..${endBlock(span) - 1}`,
        String(span.blockCount),
        ...(result.utilisation === undefined ? [] : [percent(result.utilisation.get(span.serverId) ?? 0)]),
      ]),
    ),
    '',
    ...textTable(
      ['chain', 'slots', 'service s', 'servers (blocks)'],
      result.chains
        .slice(0, SHOWN_CHAINS)
        .map((chain) => [
          chain.id,
          String(chain.slots),
          seconds(chain.serviceSeconds),
          chain.hops.map((hop) => `${hop.serverId} (${hop.blockCount})`).join(' -> '),
        ]),
    ),
  ];
  const hidden = result.chains.length - SHOWN_CHAINS;
  if (hidden > 0) lines.push(`and ${hidden} slower chains; --json lists them all`);
  return `${lines.join('\n')}\n`;
}

function facts(result: FeasiblePlan, settings: PlanSettings): string[] {
  const { responseSeconds: response } = result;
  const reservation =
    settings.objective === undefined ? 'not searched' : `best for the objective ${settings.objective}`;
  const facts: [string, string][] = [
    ['placement', settings.placementPolicy],
    ['reserved slots', `${result.reservedSlots} (${reservation})`],
    ['slots', `${result.totalSlots} in ${result.chains.length} chains`],
    ['service rate', `${Number(result.serviceRatePerSecond.toPrecision(4))} requests/s`],
  ];
  if (response !== undefined) {
    facts.push(['mean response', `bounds ${seconds(response.lower)} to ${seconds(response.upper)} s`]);
    if (response.predicted !== undefined) facts.push(['', `predicted ${seconds(response.predicted)} s`]);
  }
  facts.push(['planned in', `${settings.planningMilliseconds.toFixed(1)} ms`]);
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  return result.reason === undefined ? lines : [...lines, '', `Note: ${result.reason}.`];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

function seconds(value: number): string {
  return value.toFixed(3);
}
