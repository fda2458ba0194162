import { readFileSync } from 'node:fs';
import type { ModelShape } from '../../src/domain/model/model.ts';
import type { Server } from '../../src/domain/model/server.ts';

/** One swarm of `test/golden/data/plans.json` with the plan that independent implementations agree on. */
export interface GoldenPlan {
  readonly id: string;
  readonly model: ModelShape;
  readonly servers: readonly Server[];
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  readonly reservedSlots: number;
  /** With the rate target. */
  readonly atReservedSlots: GoldenOutcome;
  /** Without it: every server is used. */
  readonly atReservedSlotsFill: GoldenOutcome;
  readonly search: Readonly<
    Record<'lower' | 'upper' | 'surrogate' | 'lower_fill', { readonly c: number; readonly v: number }>
  >;
}

export interface GoldenOutcome {
  readonly feasible: boolean;
  readonly placement: readonly { server_id: string; first_block: number; block_count: number }[];
  readonly closed_chains: number;
  readonly chains: readonly { servers: string[]; block_counts: number[]; slots: number; service_seconds: number }[];
  readonly total_slots: number;
  readonly service_rate_per_second: number;
  readonly response_seconds: { readonly lower: number; readonly upper: number };
  readonly exact_mean_response_seconds?: number;
}

interface GoldenFile {
  readonly instances: readonly {
    readonly id: string;
    readonly reserved_slots: number;
    readonly input: {
      readonly model: { id: string; block_count: number; block_bytes: number; cache_bytes_per_block: number };
      readonly arrival_rate_per_second: number;
      readonly max_load: number;
      readonly servers: readonly {
        id: string;
        memory_bytes: number;
        communication_seconds: number;
        computation_seconds_per_block: number;
      }[];
    };
    readonly expected: {
      readonly at_reserved_slots: GoldenOutcome;
      readonly at_reserved_slots_fill: GoldenOutcome;
      readonly search: GoldenPlan['search'];
    };
  }[];
}

export function loadGoldenPlans(): GoldenPlan[] {
  const text = readFileSync(new URL('../golden/data/plans.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as GoldenFile).instances.map((instance) => ({
    id: instance.id,
    model: {
      id: instance.input.model.id,
      blockCount: instance.input.model.block_count,
      blockBytes: instance.input.model.block_bytes,
      cacheBytesPerBlock: instance.input.model.cache_bytes_per_block,
    },
    servers: instance.input.servers.map((server) => ({
      id: server.id,
      memoryBytes: server.memory_bytes,
      communicationSeconds: server.communication_seconds,
      computationSecondsPerBlock: server.computation_seconds_per_block,
    })),
    arrivalRatePerSecond: instance.input.arrival_rate_per_second,
    maxLoad: instance.input.max_load,
    reservedSlots: instance.reserved_slots,
    atReservedSlots: instance.expected.at_reserved_slots,
    atReservedSlotsFill: instance.expected.at_reserved_slots_fill,
    search: instance.expected.search,
  }));
}
