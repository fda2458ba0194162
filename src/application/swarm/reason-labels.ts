import type { LossReason } from '../../domain/membership/member.ts';
import type { StaleReason } from '../../domain/membership/membership-effects.ts';
import type { ReplanReason, ServerLossReason } from '../ports/telemetry.ts';

/** Label of `replans_total`. */
export const REPLAN_REASON: Readonly<Record<StaleReason, ReplanReason>> = {
  join: 'server_joined',
  leave: 'server_lost',
  lost: 'server_lost',
  speed: 'speed_drift',
  excluded: 'server_lost',
  readmitted: 'server_joined',
  drain: 'server_lost',
  operator: 'operator',
  rate: 'rate_drift',
  settled: 'server_changed',
  memory: 'server_changed',
};

/** Label of `server_losses_total`. */
export const LOSS_REASON: Readonly<Record<LossReason, ServerLossReason>> = {
  stream_ended: 'stream_closed',
  lease_expired: 'lease_expired',
  left: 'left',
  replaced: 'replaced',
};
