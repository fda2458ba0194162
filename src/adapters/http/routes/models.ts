import type { FastifyInstance } from 'fastify';
import type { ServedModel } from '../../../application/ports/inference.ts';
import { DispatcherError } from '../../../domain/shared/errors.ts';
import type { HttpDeps } from '../http-deps.ts';

/** `GET /v1/models` and `GET /v1/models/{id}`: models with a live plan. */
export function addModels(app: FastifyInstance, deps: HttpDeps): void {
  const serving = (): readonly ServedModel[] => deps.inference.models().filter((model) => model.isServing);

  app.get('/v1/models', () => ({ object: 'list', data: serving().map(toOpenAiModel) }));

  // A wildcard, because ids may have a slash in them.
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request) => {
    const id = request.params['*'];
    const models = serving();
    const model = id === 'default' ? models[0] : models.find((candidate) => candidate.id === id);
    if (model === undefined) {
      throw new DispatcherError(
        'DSP_MODEL_NOT_FOUND',
        `The model '${id.slice(0, 256)}' is not served now. GET /v1/models lists those that are.`,
        {
          param: 'model',
        },
      );
    }
    return toOpenAiModel(model);
  });
}

function toOpenAiModel(model: ServedModel) {
  return {
    id: model.id,
    object: 'model',
    created: model.createdUnixSeconds,
    owned_by: 'daisychain',
    max_model_len: model.sessionTokens,
  };
}
