import type { PlanOutlook, SwarmChange, SwarmControl } from '../../src/application/ports/swarm-control.ts';
import { DispatcherError } from '../../src/domain/shared/errors.ts';

/** Records what operators asked for; knows the servers s1 and s2. */
export class FakeSwarmControl implements SwarmControl {
  readonly actions: string[] = [];
  readonly changes: SwarmChange[] = [];
  outlook: PlanOutlook = {
    isFeasible: true,
    reason: undefined,
    placementPolicy: 'gbp-cr-fill',
    reservedSlots: 4,
    placement: [{ serverId: 's1', firstBlock: 0, blockCount: 8 }],
    chains: [{ hops: [{ serverId: 's1', firstBlock: 0, blockCount: 8 }], slots: 4, serviceSeconds: 2.5 }],
    totalSlots: 4,
    serviceRatePerSecond: 1.6,
    arrivalRatePerSecond: 0.5,
    responseSeconds: { lower: 2.5, upper: 2.8 },
  };

  replan(): void {
    this.actions.push('replan');
  }

  drainServer(serverId: string): boolean {
    if (serverId !== 's1' && serverId !== 's2') return false;
    this.actions.push(`drain ${serverId}`);
    return true;
  }

  async whatIf(change: SwarmChange): Promise<PlanOutlook> {
    const unknown = change.removedServerIds.findIndex((id) => id !== 's1' && id !== 's2');
    if (unknown >= 0)
      throw new DispatcherError('DSP_INVALID_ARGUMENT', 'no such server', { param: `remove_servers[${unknown}]` });
    this.changes.push(change);
    return this.outlook;
  }
}
