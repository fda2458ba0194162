/** The thread of final norm, head and sampling, which would hold up the event loop. Started by `open-language-model.ts`. */
import { invariant } from '../domain/shared/invariant.ts';
import { HeadBatcher } from './head-batcher.ts';
import type { HeadRequest } from './head-messages.ts';
import { serveWorker, type WorkerResult } from './runtime/worker-server.ts';
import { openModelWeights } from './weights/open-model-weights.ts';
import { FINAL_NORM_TENSOR, HEAD_TENSOR } from './weights/tensor-names.ts';

let batcher: HeadBatcher | undefined;

serveWorker<HeadRequest>(async (request): Promise<WorkerResult> => {
  if (request.kind === 'start') {
    const weights = await openModelWeights(request.modelPath, request.modelId);
    try {
      const { config } = weights;
      const norm = await weights.read(FINAL_NORM_TENSOR, [config.hiddenSize]);
      const head = request.tiedHead ?? (await weights.read(HEAD_TENSOR, [config.vocabularySize, config.hiddenSize]));
      batcher = await HeadBatcher.create({ id: weights.id, config, dtype: request.dtype }, norm, head, request.threads);
    } finally {
      await weights.close();
    }
    return { value: undefined };
  }
  invariant(batcher !== undefined, 'the first request is "start"');
  return { value: await batcher.next(request.hidden, request.sample) };
});
