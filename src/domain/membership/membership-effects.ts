import type { LossReason, Member } from './member.ts';

/** Why the plan no longer fits the servers, or that an operator wants a new one; the label of `replans_total`. */
export type StaleReason =
  | 'join'
  | 'leave'
  | 'lost'
  | 'speed'
  | 'excluded'
  | 'readmitted'
  | 'drain'
  | 'operator'
  /** The arrival rate, or what requests ask for, is no longer what the plan was made for. */
  | 'rate'
  /** The moves of a plan are done: is there a next step? */
  | 'settled'
  /** A server has more memory than it seemed to have. */
  | 'memory';

/** What a change of the membership means for others. */
export type MembershipEffect =
  | { readonly kind: 'plan-stale'; readonly reason: StaleReason }
  /** Which blocks are served changed: chains are composed anew. */
  | { readonly kind: 'readiness-changed' }
  | { readonly kind: 'lost'; readonly member: Member; readonly reason: LossReason }
  | { readonly kind: 'excluded'; readonly member: Member; readonly reason: string };
