import type { PlanningResult } from '../../domain/model/plan.ts';
import type { LiveLook, LookOutcome } from '../../domain/planning/live-look.ts';
import type { PlanningSnapshot } from '../../domain/planning/make-plan.ts';
import type { SharedServerSpeeds, TokenWorkload } from '../../domain/planning/service-times.ts';

/**
 * Who computes plans, off the thread that carries requests. Questions are plain values, answers depend on
 * them alone (but where time ends a search), and every question is answered once: never from inside the
 * call where a thread answers, at once where the caller's own thread does.
 */
export interface Planner {
  /** A quick look at the live plan. One at a time. */
  look(look: LiveLook, answer: (answer: PlannerAnswer) => void): void;
  /** A careful search for a better live plan, of seconds. One at a time, beside looks, which do not wait for it. */
  search(question: SearchQuestion, answer: (answer: PlannerAnswer) => void): void;
  /**
   * An operator's question, which may wait for a search.
   * @throws DispatcherError DSP_RATE_LIMITED: too many wait already; DSP_DEADLINE_EXCEEDED: it took too long;
   * DSP_INTERNAL: it failed; DSP_DRAINING: closed meanwhile
   */
  ask(question: PlanQuestion): Promise<PlanningResult>;
  /** Nothing is answered any more. */
  close(): Promise<void>;
}

export type PlannerAnswer =
  | { readonly kind: 'done'; readonly outcome: LookOutcome; readonly seconds: number }
  /** It died, threw or took too long; it is ready again, or will be soon. */
  | { readonly kind: 'failed'; readonly cause: PlannerFailure; readonly reason: string };

export const PLANNER_FAILURES = ['crashed', 'timed_out'] as const;
export type PlannerFailure = (typeof PLANNER_FAILURES)[number];

export interface SearchQuestion {
  readonly look: LiveLook;
  readonly prediction: PredictionTerms;
}

export interface PlanQuestion {
  readonly snapshot: Omit<PlanningSnapshot, 'predictor' | 'searchLimit'>;
  readonly prediction: PredictionTerms;
}

/** What response times are predicted from, beside the rate. */
export type PredictionTerms =
  | { readonly serviceModel: 'independent' }
  | {
      readonly serviceModel: 'shared-compute';
      /** By server id, for every server of the swarm. */
      readonly speeds: ReadonlyMap<string, SharedServerSpeeds>;
      readonly meanTokens: TokenWorkload;
      readonly hiddenBytesPerToken: number;
      readonly prefillChunkTokens: number;
    };

export type ServiceModel = PredictionTerms['serviceModel'];
