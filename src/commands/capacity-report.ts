import type { PlacementPolicy } from '../domain/model/plan.ts';
import type { CapacityAnswer, PricedPlan } from '../domain/planning/capacity-plan.ts';
import { planDocument } from './plan-report.ts';
import { textTable } from './text-table.ts';

export interface CapacitySettings {
  readonly placementPolicy: PlacementPolicy;
  readonly planningMilliseconds: number;
}

/** The document of `plan --minimise cost --json`: the cheapest plan as without it, its cost, and the front. */
export function capacityDocument(answer: CapacityAnswer, settings: CapacitySettings): string {
  const { cheapest, front } = answer;
  const document = {
    ...planDocument(cheapest?.plan ?? { kind: 'infeasible', reason: reasonOf(answer) }, {
      ...settings,
      objective: cheapest?.plan.objective,
    }),
    cost_per_hour: cheapest?.costPerHour ?? null,
    front: front.map((point) => ({
      cost_per_hour: point.costPerHour,
      response_seconds: point.responseSeconds,
      servers: serversOf(point),
    })),
  };
  return `${JSON.stringify(document)}\n`;
}

/** The same for people. */
export function capacityTable(answer: CapacityAnswer, settings: CapacitySettings): string {
  const { cheapest, front } = answer;
  const verdict =
    cheapest === undefined
      ? [`No plan: ${reasonOf(answer)}.`]
      : [
          `Cheapest: ${money(cheapest.costPerHour)} per hour for a mean response of ${seconds(cheapest)} s`,
          `on ${serversOf(cheapest).join(', ')}`,
        ];
  const rows = front.map((point, at) => {
    const before = front[at - 1];
    const worth =
      before === undefined
        ? ''
        : `${(before.responseSeconds - point.responseSeconds).toFixed(3)} s for ${money(point.costPerHour - before.costPerHour)}`;
    const changes = before === undefined ? serversOf(point).join(' ') : changesBetween(before, point);
    return [money(point.costPerHour), seconds(point), worth, changes];
  });
  return `${[
    ...verdict,
    '',
    ...textTable(['per hour', 'response s', 'gained', 'servers, or what changes'], rows),
    '',
    `planned in ${settings.planningMilliseconds.toFixed(0)} ms`,
  ].join('\n')}\n`;
}

function reasonOf({ front }: CapacityAnswer): string {
  const fastest = front.at(-1);
  return fastest === undefined
    ? 'no set of these servers holds the model and keeps up with the arrival rate; add servers or lower the rate'
    : `no set of servers that was tried is that fast; the fastest answers in ${seconds(fastest)} s on average for ${money(fastest.costPerHour)} per hour`;
}

function serversOf({ plan }: PricedPlan): string[] {
  return plan.placement.map(({ serverId }) => serverId);
}

function changesBetween(before: PricedPlan, after: PricedPlan): string {
  const [had, has] = [serversOf(before), serversOf(after)];
  return [
    ...has.filter((id) => !had.includes(id)).map((id) => `+${id}`),
    ...had.filter((id) => !has.includes(id)).map((id) => `-${id}`),
  ].join(' ');
}

function seconds({ responseSeconds }: PricedPlan): string {
  return responseSeconds.toFixed(3);
}

function money(amount: number): string {
  return String(Number(amount.toPrecision(6)));
}
