import type { z } from 'zod';
import type { ModelShape } from '../domain/model/model.ts';
import type { Server } from '../domain/model/server.ts';
import type { Span } from '../domain/model/span.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../domain/planning/service-times.ts';
import type { serverSchema } from './swarm-schema.ts';
import { MIN_SECONDS } from './swarm-schema.ts';

type ServerInput = z.output<typeof serverSchema>;

/** What the service times of servers with speeds depend on besides. */
export interface ServerTerms {
  readonly model: ModelShape;
  readonly workload: TokenWorkload | undefined;
  /** Undefined where the model does not say. */
  readonly hiddenBytesPerToken: number | undefined;
  /** Throws; told what is wrong, beginning with the field's path. */
  readonly refuse: (problem: string) => never;
}

export interface SwarmServers {
  readonly servers: readonly Server[];
  readonly pinnedSpans: ReadonlyMap<string, Span>;
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  /** By server id, of the servers that have one. */
  readonly costPerHour: ReadonlyMap<string, number>;
}

/** The servers of a file with the service times of the planner, given or derived from speeds. */
export function toServers(inputs: readonly ServerInput[], terms: ServerTerms): SwarmServers {
  const pinnedSpans = new Map<string, Span>();
  const speeds = new Map<string, SharedServerSpeeds>();
  const positions = new Map<string, number>();
  const costPerHour = new Map<string, number>();
  const servers = inputs.map((input, index) => {
    const path = `servers[${index}]`;
    const taken = positions.get(input.id);
    if (taken !== undefined) {
      terms.refuse(`${path}.id: "${input.id}" is the id of servers[${taken}] too; give each its own`);
    }
    positions.set(input.id, index);
    const pinned = toPinnedSpan(input, path, terms);
    if (pinned !== undefined) pinnedSpans.set(input.id, pinned);
    if (input.cost_per_hour !== undefined) costPerHour.set(input.id, input.cost_per_hour);
    if (input.communication_seconds !== undefined && input.computation_seconds_per_block !== undefined) {
      return toServer(input, input.communication_seconds, input.computation_seconds_per_block);
    }
    const own = toSpeeds(input);
    speeds.set(input.id, own);
    return fromSpeeds(input, own, path, terms);
  });
  return { servers, pinnedSpans, speeds, costPerHour };
}

function fromSpeeds(input: ServerInput, speeds: SharedServerSpeeds, path: string, terms: ServerTerms): Server {
  const { workload, hiddenBytesPerToken, refuse } = terms;
  if (workload === undefined) {
    return refuse(
      `workload: missing, and ${path} gives speeds; add workload: {"input_tokens": 2000, "output_tokens": 20}`,
    );
  }
  if (speeds.bandwidthBytesPerSecond !== undefined && hiddenBytesPerToken === undefined) {
    refuse(
      `model.hidden_bytes_per_token: missing, and ${path}.bandwidth_bytes_per_second needs it; ` +
        'give the hidden size times the bytes of one number',
    );
  }
  const perBlock = computationSecondsPerBlock(speeds, workload);
  if (!(perBlock >= MIN_SECONDS)) {
    refuse(
      `${path}: its speeds make a block of one request take no time; give overhead_seconds_per_block, ` +
        'prefill_seconds_per_token_per_block or decode_seconds_per_token_per_block',
    );
  }
  return toServer(input, communicationSeconds(speeds, workload, hiddenBytesPerToken ?? 0), perBlock);
}

function toServer(input: ServerInput, communication: number, computationPerBlock: number): Server {
  return {
    id: input.id,
    memoryBytes: input.memory_bytes,
    communicationSeconds: communication,
    computationSecondsPerBlock: computationPerBlock,
  };
}

function toPinnedSpan(
  { pinned_span: given }: ServerInput,
  path: string,
  { model, refuse }: ServerTerms,
): Span | undefined {
  if (given === undefined) return undefined;
  if (given.first_block + given.block_count > model.blockCount) {
    refuse(`${path}.pinned_span: must end within the model's ${model.blockCount} blocks`);
  }
  return { firstBlock: given.first_block, blockCount: given.block_count };
}

function toSpeeds(input: ServerInput): SharedServerSpeeds {
  return {
    rttSeconds: input.rtt_seconds ?? 0,
    overheadSeconds: input.overhead_seconds ?? 0,
    overheadSecondsPerBlock: input.overhead_seconds_per_block ?? 0,
    prefillSecondsPerTokenPerBlock: input.prefill_seconds_per_token_per_block ?? 0,
    decodeSecondsPerTokenPerBlock: input.decode_seconds_per_token_per_block ?? 0,
    bandwidthBytesPerSecond: input.bandwidth_bytes_per_second,
    concurrencySlope: input.concurrency_slope ?? 1,
  };
}
