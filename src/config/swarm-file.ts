import { z } from 'zod';
import type { ModelShape } from '../domain/model/model.ts';
import type { Server } from '../domain/model/server.ts';
import type { Span } from '../domain/model/span.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import { communicationSeconds, computationSecondsPerBlock } from '../domain/planning/service-times.ts';
import { ConfigError } from './config-error.ts';
import { describeFileIssues, parseDocument } from './document.ts';
import { type modelSchema, type serverSchema, swarmFields, workloadSchema } from './swarm-schema.ts';

/** Servers times blocks of one swarm: what keeps a plan to seconds. */
const MAX_SERVER_BLOCKS = 1_000_000;

const swarmSchema = z.strictObject({ ...swarmFields, workload: workloadSchema.optional() });

export type SwarmInput = z.output<typeof swarmSchema>;

/** A swarm as `plan` and `simulate` read it: the planner's input, and what it was derived from. */
export interface SwarmFile {
  readonly model: ModelShape;
  /** lambda; undefined when the file leaves it to the command line. */
  readonly arrivalRatePerSecond: number | undefined;
  /** rho-bar. */
  readonly maxLoad: number;
  /** In the file's order, which decides ties. */
  readonly servers: readonly Server[];
  /** Spans that must be taken as they are, by server id. */
  readonly pinnedSpans: ReadonlyMap<string, Span>;
  /** Speeds of the servers that gave them instead of service times, by server id. */
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly workload: TokenWorkload | undefined;
  /** Bytes of one token's hidden state on the wire; 0 where the model does not say. */
  readonly hiddenBytesPerToken: number;
  /** Tokens of one session, where the model gives its cache per token. */
  readonly sessionTokens: number | undefined;
}

/**
 * Reads a swarm file, YAML or JSON.
 * @param name how messages call the file
 * @throws ConfigError naming the path of each offending field and the remedy
 */
export function parseSwarmFile(text: string, name: string): SwarmFile {
  const result = swarmSchema.safeParse(parseDocument(text, name));
  if (!result.success) throw new ConfigError(`${name}: ${describeFileIssues(result.error.issues)}`);
  return toSwarm(result.data, result.data.workload, name);
}

/**
 * What the schema's fields mean together.
 * @throws ConfigError where fields contradict each other
 */
export function toSwarm(
  input: Pick<SwarmInput, 'model' | 'servers' | 'arrival_rate_per_second' | 'max_load'>,
  workload: z.output<typeof workloadSchema> | undefined,
  name: string,
): SwarmFile {
  const refuse = (problem: string): never => {
    throw new ConfigError(`${name}: ${problem}`);
  };
  const model = toModelShape(input.model, refuse);
  if (input.servers.length * model.blockCount > MAX_SERVER_BLOCKS) {
    refuse(
      `servers: ${input.servers.length} servers times ${model.blockCount} blocks are more than the planner takes ` +
        `(${MAX_SERVER_BLOCKS}); plan a part of the swarm`,
    );
  }
  const pinnedSpans = new Map<string, Span>();
  const speeds = new Map<string, SharedServerSpeeds>();
  const positions = new Map<string, number>();
  const servers = input.servers.map((server, index): Server => {
    const path = `servers[${index}]`;
    const taken = positions.get(server.id);
    if (taken !== undefined) refuse(`${path}.id: "${server.id}" is the id of servers[${taken}] too; give each its own`);
    positions.set(server.id, index);
    if (server.pinned_span !== undefined) {
      const span = { firstBlock: server.pinned_span.first_block, blockCount: server.pinned_span.block_count };
      if (span.firstBlock + span.blockCount > model.blockCount) {
        refuse(`${path}.pinned_span: must end within the model's ${model.blockCount} blocks`);
      }
      pinnedSpans.set(server.id, span);
    }
    if (server.communication_seconds !== undefined && server.computation_seconds_per_block !== undefined) {
      return {
        id: server.id,
        memoryBytes: server.memory_bytes,
        communicationSeconds: server.communication_seconds,
        computationSecondsPerBlock: server.computation_seconds_per_block,
      };
    }
    if (workload === undefined) {
      return refuse(
        `workload: missing, and ${path} gives speeds; add workload: {"input_tokens": 2000, "output_tokens": 20}`,
      );
    }
    const serverSpeeds = toSpeeds(server);
    speeds.set(server.id, serverSpeeds);
    if (serverSpeeds.bandwidthBytesPerSecond !== undefined && input.model.hidden_bytes_per_token === undefined) {
      refuse(
        `model.hidden_bytes_per_token: missing, and ${path}.bandwidth_bytes_per_second needs it; ` +
          'give the hidden size times the bytes of one number',
      );
    }
    const tokens = { inputTokens: workload.input_tokens, outputTokens: workload.output_tokens };
    const perBlock = computationSecondsPerBlock(serverSpeeds, tokens);
    if (!(perBlock > 0)) {
      refuse(
        `${path}: its speeds make a block of one request take no time; give overhead_seconds_per_block, ` +
          'prefill_seconds_per_token_per_block or decode_seconds_per_token_per_block',
      );
    }
    return {
      id: server.id,
      memoryBytes: server.memory_bytes,
      communicationSeconds: communicationSeconds(serverSpeeds, tokens, input.model.hidden_bytes_per_token ?? 0),
      computationSecondsPerBlock: perBlock,
    };
  });
  return {
    model,
    arrivalRatePerSecond: input.arrival_rate_per_second,
    maxLoad: input.max_load,
    servers,
    pinnedSpans,
    speeds,
    workload:
      workload === undefined ? undefined : { inputTokens: workload.input_tokens, outputTokens: workload.output_tokens },
    hiddenBytesPerToken: input.model.hidden_bytes_per_token ?? 0,
    sessionTokens: input.model.session_tokens,
  };
}

function toModelShape(model: z.output<typeof modelSchema>, refuse: (problem: string) => never): ModelShape {
  const cacheBytesPerBlock =
    model.cache_bytes_per_block ?? (model.cache_bytes_per_token_per_block ?? 0) * (model.session_tokens ?? 0);
  if (!Number.isSafeInteger(cacheBytesPerBlock)) {
    refuse('model.session_tokens: times cache_bytes_per_token_per_block is beyond 2^53 bytes; check the units');
  }
  return { id: model.id, blockCount: model.block_count, blockBytes: model.block_bytes, cacheBytesPerBlock };
}

function toSpeeds(server: z.output<typeof serverSchema>): SharedServerSpeeds {
  return {
    rttSeconds: server.rtt_seconds ?? 0,
    overheadSeconds: server.overhead_seconds ?? 0,
    overheadSecondsPerBlock: server.overhead_seconds_per_block ?? 0,
    prefillSecondsPerTokenPerBlock: server.prefill_seconds_per_token_per_block ?? 0,
    decodeSecondsPerTokenPerBlock: server.decode_seconds_per_token_per_block ?? 0,
    bandwidthBytesPerSecond: server.bandwidth_bytes_per_second,
    concurrencySlope: server.concurrency_slope ?? 1,
  };
}
