/**
 * The thread that computes blocks: onnxruntime blocks its thread while it runs, and the thread of the
 * sockets must stay free. Started by `create-block-host.ts`.
 */
import { invariant } from '../domain/shared/invariant.ts';
import { serveWorker, type WorkerResult } from '../language-model/runtime/worker-server.ts';
import { openModelWeights } from '../language-model/weights/open-model-weights.ts';
import { BlockEngine } from './block-engine.ts';
import type { ComputeRequest } from './compute-messages.ts';
import { measureSpeed } from './measure-speed.ts';
import { StepQueue } from './step-queue.ts';

let engine: BlockEngine | undefined;
let queue: StepQueue | undefined;

serveWorker<ComputeRequest>(async (request): Promise<WorkerResult> => {
  if (request.kind === 'start') {
    const weights = await openModelWeights(request.modelPath, request.modelId);
    engine = await BlockEngine.create(weights, request.dtype, request.threads);
    queue = new StepQueue(engine);
    return { value: undefined };
  }
  invariant(engine !== undefined && queue !== undefined, 'the first request is "start"');
  switch (request.kind) {
    case 'load':
      await engine.loadBlock(request.block);
      return { value: undefined };
    case 'unload':
      await engine.unloadBlock(request.block);
      return { value: undefined };
    case 'open':
      queue.open(request.session, request.firstBlock, request.blockCount, request.maxTokens);
      return { value: undefined };
    case 'step': {
      const value = await queue.add(request.session, request.hidden, request.tokens, request.returnTokens);
      return { value, transfer: [value.hidden.buffer as ArrayBuffer] };
    }
    case 'close':
      await queue.close(request.session);
      return { value: undefined };
    case 'measure':
      return { value: await measureSpeed(engine, request.block) };
  }
});
