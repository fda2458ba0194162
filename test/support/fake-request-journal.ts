import type { RequestJournal, RequestTimes } from '../../src/application/ports/request-journal.ts';

/** Knows one finished request, `known`. */
export class FakeRequestJournal implements RequestJournal {
  known: RequestTimes = {
    requestId: 'known',
    modelId: 'tiny-austen',
    outcome: 'completed',
    promptTokens: 7,
    completionTokens: 2,
    totalSeconds: 1.5,
    queueSeconds: 0.25,
    firstTokenSeconds: 0.75,
    clientSeconds: 0.125,
    chains: [
      {
        chainId: 'c0ffee000001',
        choice: { position: 1, chainCount: 3 },
        startedAfterSeconds: 0.25,
        openingSeconds: 0.125,
        prefillSeconds: 0.375,
        decodeSeconds: 0.75,
        tokens: 2,
        hops: [{ serverId: 's1', firstBlock: 0, blockCount: 8, steps: 3, roundTripSeconds: 1, computeSeconds: 0.75 }],
      },
    ],
  };

  find(requestId: string): RequestTimes | undefined {
    return requestId === 'known' || requestId === 'tiny-austen' ? this.known : undefined;
  }
}
