import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import {
  DECISION_BUCKETS,
  HOP_BUCKETS,
  OUTPUT_TOKEN_BUCKETS,
  PLANNING_BUCKETS,
  QUEUE_BUCKETS,
  RATIO_BUCKETS,
  REQUEST_BUCKETS,
  VLLM_FIRST_TOKEN_BUCKETS,
  VLLM_OUTPUT_TOKEN_BUCKETS,
  VLLM_REQUEST_BUCKETS,
} from './buckets.ts';

/** Families under the product's own prefix; docs/metrics.md tells what each means. */
export function createDaisychainFamilies(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `daisychain_${name}`, help, labelNames, registers: [registry] });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `daisychain_${name}`, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: readonly L[] = []) =>
    new Histogram({ name: `daisychain_${name}`, help, buckets, labelNames, registers: [registry] });
  return {
    requests: counter('requests_total', 'Requests by how they ended.', ['outcome']),
    promptTokens: counter('prompt_tokens_total', 'Prompt tokens processed.'),
    generationTokens: counter('generation_tokens_total', 'Tokens generated.'),
    replans: counter('replans_total', 'Planning runs by what caused them.', ['reason']),
    planDecisions: counter('plan_decisions_total', 'Looks at the plan by what came of them.', ['outcome']),
    planSearches: counter('plan_searches_total', 'Searches for a better plan by what came of them.', ['outcome']),
    planEvaluations: counter('plan_evaluations_total', 'Plans that searches have judged.'),
    plannerFailures: counter('planner_failures_total', 'Threads that compute plans and died or took too long.', [
      'cause',
    ]),
    failovers: counter('failovers_total', 'Running requests that lost their chain, by what became of them.', [
      'outcome',
    ]),
    queueForetold: counter(
      'queue_foretold_seconds_total',
      'Waits of requests that had to wait, summed: as predicted when they arrived, and as they were.',
      ['kind'],
    ),
    serverJoins: counter('server_joins_total', 'Servers that joined.'),
    serverLosses: counter('server_losses_total', 'Servers that were lost, by the reason.', ['reason']),
    blockMoves: counter('block_moves_total', 'Blocks that servers were told to load and did not hold before.'),

    serverTokens: counter('server_tokens_total', 'Prompt and output tokens that passed a server.', ['server']),
    serverBlockSeconds: counter('server_block_seconds_total', 'Blocks that a server held ready, times seconds.', [
      'server',
    ]),
    serverUptime: counter('server_uptime_seconds_total', 'Time that a server has been a member.', ['server']),

    chainSlots: gauge('chain_slots', 'Jobs that a chain holds at once.', ['chain']),
    chainSlotsInUse: gauge('chain_slots_in_use', 'Jobs on a chain now.', ['chain']),
    chainCacheTokens: gauge('chain_cache_tokens', 'Tokens that the reserved caches of a chain hold at most.', [
      'chain',
    ]),
    chainCacheTokensInUse: gauge(
      'chain_cache_tokens_in_use',
      'Tokens of cache that the sessions of a chain reserve now.',
      ['chain'],
    ),
    chainServiceSeconds: gauge(
      'chain_service_seconds',
      'Mean time of one job on a chain, as planned and as measured.',
      ['chain', 'kind'],
    ),
    queueLength: gauge('queue_length', 'Requests that wait for a slot.'),
    servers: gauge('servers', 'Servers by state.', ['state']),
    blockCoverageMin: gauge('block_coverage_min', 'Fewest servers that serve any one block.'),
    planEpoch: gauge('plan_epoch', 'Number of the live plan; 0 before the first.'),
    planReservedSlots: gauge(
      'plan_reserved_slots',
      'Jobs per block for which the live plan reserves cache; 0 without a plan.',
    ),
    planSlotTokens: gauge('plan_slot_tokens', 'Tokens of one session for which a slot of the live plan has room.'),
    planResponseSeconds: gauge('plan_response_seconds', 'Mean response time that the live plan promises.', ['bound']),
    arrivalRate: gauge('arrival_rate_per_second', 'Arrival rate that the planner assumes.'),
    planGain: gauge(
      'plan_gain_seconds',
      'Response time that the latest change of the plan saves over its horizon, summed over requests.',
    ),
    planPendingMoves: gauge('plan_pending_moves', 'Moves of the plan that servers were not told yet.'),
    workloadTokens: gauge('workload_tokens', 'Mean lengths of requests that the planner reckons with.', ['kind']),
    serverPace: gauge('server_pace', 'Measured over declared times of a server; 2 is twice as slow as it said.', [
      'server',
    ]),
    leader: gauge('leader', '1 where this dispatcher decides, 0 where it follows.'),

    response: histogram('response_seconds', 'From arrival to the end of a completed request.', REQUEST_BUCKETS),
    queue: histogram('queue_seconds', 'From arrival to a slot.', QUEUE_BUCKETS),
    firstToken: histogram('time_to_first_token_seconds', 'From arrival to the first token.', VLLM_FIRST_TOKEN_BUCKETS),
    outputToken: histogram(
      'time_per_output_token_seconds',
      'Mean time between the tokens of one request.',
      OUTPUT_TOKEN_BUCKETS,
    ),
    queuePrediction: histogram(
      'queue_prediction_ratio',
      'Wait of requests that had to wait, over the wait predicted when they arrived.',
      RATIO_BUCKETS,
    ),
    decision: histogram(
      'dispatch_decision_seconds',
      'Time that the scheduler took for one decision.',
      DECISION_BUCKETS,
    ),
    planning: histogram('plan_duration_seconds', 'Time that one planning run took.', PLANNING_BUCKETS),
    planSearch: histogram('plan_search_seconds', 'Time that one search for a better plan took.', PLANNING_BUCKETS),
    hop: histogram('hop_seconds', 'Round trip of one step at one server.', HOP_BUCKETS, ['server']),
  };
}

/** vLLM's names for the same facts: what endpoint pickers and existing dashboards scrape. */
export function createVllmFamilies(registry: Registry) {
  const registers = [registry];
  return {
    running: new Gauge({ name: 'vllm:num_requests_running', help: 'Requests that hold a slot.', registers }),
    waiting: new Gauge({ name: 'vllm:num_requests_waiting', help: 'Requests that wait for a slot.', registers }),
    cacheUsage: new Gauge({ name: 'vllm:kv_cache_usage_perc', help: 'Share of the cache in use, 0 to 1.', registers }),
    firstToken: new Histogram({
      name: 'vllm:time_to_first_token_seconds',
      help: 'From arrival to the first token.',
      buckets: VLLM_FIRST_TOKEN_BUCKETS,
      registers,
    }),
    outputToken: new Histogram({
      name: 'vllm:time_per_output_token_seconds',
      help: 'Mean time between the tokens of one request.',
      buckets: VLLM_OUTPUT_TOKEN_BUCKETS,
      registers,
    }),
    response: new Histogram({
      name: 'vllm:e2e_request_latency_seconds',
      help: 'From arrival to the end of a completed request.',
      buckets: VLLM_REQUEST_BUCKETS,
      registers,
    }),
    queue: new Histogram({
      name: 'vllm:request_queue_time_seconds',
      help: 'From arrival to a slot.',
      buckets: VLLM_REQUEST_BUCKETS,
      registers,
    }),
    success: new Counter({
      name: 'vllm:request_success_total',
      help: 'Completed requests by why they ended.',
      labelNames: ['finished_reason'],
      registers,
    }),
    promptTokens: new Counter({ name: 'vllm:prompt_tokens_total', help: 'Prompt tokens processed.', registers }),
    generationTokens: new Counter({ name: 'vllm:generation_tokens_total', help: 'Tokens generated.', registers }),
  };
}
