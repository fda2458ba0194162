import { z } from 'zod';
import type { ModelShape } from '../domain/model/model.ts';
import type { Server } from '../domain/model/server.ts';
import type { Span } from '../domain/model/span.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import { ConfigError } from './config-error.ts';
import { describeFileIssues, parseDocument } from './document.ts';
import type { modelSchema } from './swarm-schema.ts';
import { swarmFields, workloadSchema } from './swarm-schema.ts';
import { toServers } from './swarm-servers.ts';

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
  /** What servers cost, by server id: of the servers that say so, in any one currency. */
  readonly costPerHour: ReadonlyMap<string, number>;
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
  const tokens = workload && { inputTokens: workload.input_tokens, outputTokens: workload.output_tokens };
  const hiddenBytesPerToken = input.model.hidden_bytes_per_token;
  return {
    model,
    arrivalRatePerSecond: input.arrival_rate_per_second,
    maxLoad: input.max_load,
    ...toServers(input.servers, { model, workload: tokens, hiddenBytesPerToken, refuse }),
    workload: tokens,
    hiddenBytesPerToken: hiddenBytesPerToken ?? 0,
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
