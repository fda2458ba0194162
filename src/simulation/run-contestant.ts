import type { ModelShape } from '../domain/model/model.ts';
import type { FeasiblePlan, PlacementPolicy, PlanningObjective } from '../domain/model/plan.ts';
import type { Server } from '../domain/model/server.ts';
import type { Span } from '../domain/model/span.ts';
import {
  createPetalsRouter,
  createWsRrRouter,
  type PetalsRoutingInput,
} from '../domain/planning/baselines/baseline-routing.ts';
import { cacheSlots } from '../domain/planning/gca.ts';
import { indexPlacement, indexSwarm } from '../domain/planning/indexed-swarm.ts';
import { composeLiveChains } from '../domain/planning/live-chains.ts';
import { makePlan } from '../domain/planning/make-plan.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../domain/planning/service-times.ts';
import type { SchedulerOptions } from '../domain/scheduling/scheduler-options.ts';
import { invariant } from '../domain/shared/invariant.ts';
import { createRng } from '../domain/shared/rng.ts';
import type { JobRecords } from './job-records.ts';
import { createIndependentPredictor, createSharedComputePredictor } from './response-predictor.ts';
import { simulateIndependent } from './simulate-independent.ts';
import type { QueuePolicy } from './simulate-policy.ts';
import { simulatePolicy } from './simulate-policy.ts';
import { simulateRouted } from './simulate-routed.ts';
import { simulateSharedCompute } from './simulate-shared-compute.ts';
import type { SimulationSummary } from './statistics.ts';
import { summarize } from './statistics.ts';
import type { CacheSharing } from './token-scheduling.ts';
import { tokenScheduling } from './token-scheduling.ts';
import { tokenServiceSeconds } from './token-service.ts';
import type { SimulatedJobs } from './workloads.ts';

export type DispatchPolicy = 'jffc' | QueuePolicy | 'ws-rr' | 'petals';
export type ServiceModel = 'independent' | 'shared-compute';

/** A way to plan and to dispatch that is compared with others on the same jobs. */
export interface Contestant {
  readonly name: string;
  readonly placement: PlacementPolicy;
  readonly objective: PlanningObjective;
  /** c; undefined searches it. */
  readonly reservedSlots: number | undefined;
  /** Tokens of the session that plans reserve cache for; undefined: the longest one. */
  readonly planTokens: number | undefined;
  readonly policy: DispatchPolicy;
  /** One slot of the largest session for each job, its tokens out of its chain's slots, or out of its servers' cache. */
  readonly cache: CacheSharing;
  /** See `SchedulingChoice`. */
  readonly maxComputeLoad: number | undefined;
  readonly scheduling: Pick<SchedulerOptions, 'order' | 'maxOvertakes' | 'maxWaitFactor'>;
  readonly serviceModel: ServiceModel;
  /** Undefined sends prompts whole. */
  readonly prefillChunkTokens: number | undefined;
}

/** What all contestants share. */
export interface Contest {
  readonly model: ModelShape;
  readonly servers: readonly Server[];
  readonly pinnedSpans: ReadonlyMap<string, Span>;
  /** lambda that plans are made for. */
  readonly arrivalRatePerSecond: number;
  readonly maxLoad: number;
  readonly jobs: SimulatedJobs;
  /** Speeds of the servers that have them. */
  readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
  readonly meanTokens: TokenWorkload | undefined;
  readonly hiddenBytesPerToken: number;
  /** Tokens of the session that a slot has room for, where cache is known by tokens. */
  readonly sessionTokens: number | undefined;
  readonly seed: number;
}

export type ContestantResult =
  | {
      readonly kind: 'simulated';
      readonly contestant: Contestant;
      readonly plan: FeasiblePlan;
      readonly summary: SimulationSummary;
      /** What became of each job. */
      readonly records: JobRecords;
    }
  | { readonly kind: 'infeasible'; readonly contestant: Contestant; readonly reason: string };

/** Jobs at the beginning that are left out: they meet an empty system. */
const WARM_UP_SHARE = 0.1;

/** Plans for a contestant and replays the jobs on its chains. */
export function runContestant(contest: Contest, contestant: Contestant): ContestantResult {
  const predictor =
    contestant.objective !== 'predicted'
      ? undefined
      : contestant.serviceModel === 'independent'
        ? createIndependentPredictor(contest.arrivalRatePerSecond)
        : createSharedComputePredictor({
            ...contest,
            meanTokens: knownTokens(contest),
            prefillChunkTokens: contestant.prefillChunkTokens,
          });
  const plan = makePlan({
    ...contest,
    model: plannedModel(contest, contestant),
    placementPolicy: contestant.placement,
    objective: contestant.objective,
    reservedSlots: contestant.reservedSlots,
    predictor,
  });
  if (plan.kind === 'infeasible') return { kind: 'infeasible', contestant, reason: plan.reason };
  const records = replay(contest, contestant, plan);
  return { kind: 'simulated', contestant, plan, summary: summarize(records, WARM_UP_SHARE), records };
}

function replay(contest: Contest, contestant: Contestant, planned: FeasiblePlan): JobRecords {
  const { jobs } = contest;
  const plan = chainsWithSlots(contest, contestant, planned);
  const { policy, serviceModel, prefillChunkTokens } = contestant;
  if (serviceModel === 'shared-compute') {
    invariant(policy === 'jffc', 'shared compute is simulated under JFFC');
    const meanTokens = knownTokens(contest);
    const scheduling = tokenScheduling(contest, contestant, plan);
    return simulateSharedCompute({ ...contest, ...scheduling, meanTokens, prefillChunkTokens });
  }
  if (policy === 'ws-rr' || policy === 'petals') {
    const swarm = indexSwarm(contest.model, contest.servers, contest.pinnedSpans);
    const placement = indexPlacement(swarm, plan.placement);
    const routed = { swarm, placement, slots: cacheSlots(swarm, placement) };
    const router =
      policy === 'ws-rr'
        ? createWsRrRouter(routed)
        : createPetalsRouter({ ...routed, ...petalsNetwork(contest), sessionsPerServer: plan.reservedSlots });
    return simulateRouted(router, jobs, 0, swarm.serverIds);
  }
  const serviceSeconds = tokenServiceSeconds(contest, plan.chains);
  const simulation = { chains: plan.chains, jobs, ...(serviceSeconds === undefined ? {} : { serviceSeconds }) };
  if (policy === 'jffc') return simulateIndependent({ ...simulation, ...tokenScheduling(contest, contestant, plan) });
  return simulatePolicy(policy, { ...simulation, rng: createRng(contest.seed, 'policy') });
}

/** The model as the planner is told it: its cache for the session that is planned for. */
function plannedModel({ model, sessionTokens = 1 }: Contest, { planTokens = sessionTokens }: Contestant): ModelShape {
  return {
    ...model,
    cacheBytesPerBlock: (model.cacheBytesPerBlock * planTokens) / sessionTokens,
    longestCacheBytesPerBlock: model.cacheBytesPerBlock,
  };
}

/** Where jobs take whole slots, these have room for the longest session, whatever was planned for. */
function chainsWithSlots(contest: Contest, contestant: Contestant, plan: FeasiblePlan): FeasiblePlan {
  if (contestant.cache !== 'slots' || contestant.planTokens === undefined) return plan;
  const placed = new Set(plan.placement.map((span) => span.serverId));
  const servers = contest.servers.filter((server) => placed.has(server.id));
  return { ...plan, chains: composeLiveChains(contest.model, servers, plan.placement).chains };
}

/**
 * Round trips as a PETALS client sees them, of one token. Where a server gives no round trip, its communication is
 * spread over the tokens of the mean request (all of it is one token's where that is not known); between two
 * servers, of which a swarm file says nothing, half of either's.
 */
function petalsNetwork({ servers, speeds, meanTokens }: Contest): PetalsNetwork {
  const outputTokens = meanTokens?.outputTokens ?? 1;
  const rttSeconds = servers.map(
    ({ id, communicationSeconds }) => speeds.get(id)?.rttSeconds ?? communicationSeconds / outputTokens,
  );
  const serverRttSeconds = rttSeconds.map((from) => rttSeconds.map((to) => (from + to) / 2));
  return { outputTokens, rttSeconds, serverRttSeconds };
}

type PetalsNetwork = Pick<PetalsRoutingInput, 'outputTokens' | 'rttSeconds' | 'serverRttSeconds'>;

function knownTokens(contest: Contest): TokenWorkload {
  invariant(contest.meanTokens !== undefined, 'the workload of shared compute has tokens');
  return contest.meanTokens;
}
