import type { ChainView, PlanView, QueueView, ServerView, SwarmView } from '../../src/application/ports/swarm-view.ts';

const SPEEDS = {
  rttSeconds: 0.02,
  overheadSecondsPerBlock: 0.001,
  prefillSecondsPerTokenPerBlock: 0.0001,
  decodeSecondsPerTokenPerBlock: 0.0005,
};

/** Two servers of which one still loads, and one chain. */
export class FakeSwarmView implements SwarmView {
  serverList: readonly ServerView[] = [
    {
      serverId: 's1',
      state: 'serving',
      reason: undefined,
      address: '10.0.0.1:7000',
      protocol: 'grpc',
      memoryBytes: 8e9,
      hosted: { firstBlock: 0, blockCount: 8 },
      planned: { firstBlock: 0, blockCount: 8 },
      isPinned: false,
      cacheBytesFree: 1e9,
      sessions: 2,
      ...SPEEDS,
      pace: 1,
      concurrencySlope: 1,
      heartbeatAgeSeconds: 1.5,
      dtype: 'float32',
      labels: { zone: 'a' },
      contribution: { tokens: 1_200, blockSeconds: 480.5, uptimeSeconds: 60.25 },
    },
    {
      serverId: 's2',
      state: 'loading',
      reason: 'loads blocks 4..7',
      address: '10.0.0.2:7000',
      protocol: 'grpc',
      memoryBytes: 4e9,
      hosted: undefined,
      planned: { firstBlock: 4, blockCount: 4 },
      isPinned: true,
      cacheBytesFree: undefined,
      sessions: 0,
      ...SPEEDS,
      rttSeconds: undefined,
      pace: 1,
      concurrencySlope: 1,
      heartbeatAgeSeconds: 0.2,
      dtype: 'float32',
      labels: {},
      contribution: { tokens: 0, blockSeconds: 0, uptimeSeconds: 3 },
    },
  ];
  planView: PlanView = {
    modelId: 'tiny-austen',
    blockCount: 8,
    epoch: 3,
    ageSeconds: 12,
    placementPolicy: 'gbp-cr-fill',
    objective: 'lower',
    reservedSlots: 4,
    slotTokens: 1024,
    placement: [{ serverId: 's1', firstBlock: 0, blockCount: 8 }],
    totalSlots: 4,
    serviceRatePerSecond: 1.6,
    arrivalRatePerSecond: 0.2,
    responseSeconds: { lower: 2.5, upper: 2.7 },
    blockCoverageMin: 1,
    reason: undefined,
    decision: {
      kind: 'change',
      cause: 'join',
      reason: 'mean response from 2.000 s to 1.000 s: 1 spans to load, 0 servers that served must change',
      ageSeconds: 12,
      gainSeconds: 120,
      costSeconds: 0,
    },
    source: {
      kind: 'search',
      placementPolicy: 'best',
      objective: 'predicted',
      seconds: 1.25,
      evaluations: 60,
      gainSeconds: 120,
    },
    search: {
      outcome: 'keep',
      reason: 'no change would shorten the response time',
      ageSeconds: 7,
      seconds: 1.5,
      evaluations: 60,
      isCutShort: false,
    },
    pendingMoves: 1,
    workload: { inputTokens: 256, outputTokens: 128, isMeasured: false },
  };
  chainList: readonly ChainView[] = [
    {
      chainId: 'c0ffee000001',
      hops: [{ serverId: 's1', firstBlock: 0, blockCount: 8 }],
      slots: 4,
      slotsInUse: 2,
      plannedServiceSeconds: 2.5,
      measuredServiceSeconds: 2.25,
    },
  ];
  queueView: QueueView = { length: 1, limit: 100, oldestWaitSeconds: 0.75, running: 2 };

  servers = (): readonly ServerView[] => this.serverList;
  plan = (): PlanView => this.planView;
  chains = (): readonly ChainView[] => this.chainList;
  queue = (): QueueView => this.queueView;
}
