import type { FastifyInstance } from 'fastify';
import { answerInference } from '../answer-inference.ts';
import { grantOf } from '../authentication.ts';
import type { HttpDeps } from '../http-deps.ts';
import { COMPLETION_SHAPE } from '../openai/completion-shape.ts';
import { mapCompletion } from '../openai/map.ts';
import { parseBody } from '../openai/parse-body.ts';
import { completionSchema } from '../openai/schemas.ts';
import { readJobHeaders } from '../request-headers.ts';

/** `POST /v1/completions`. */
export function addCompletions(app: FastifyInstance, deps: HttpDeps): void {
  app.post('/v1/completions', (request, reply) => {
    const headers = readJobHeaders(request.headers, grantOf(request));
    const body = parseBody(completionSchema, request.body);
    const mapped = mapCompletion(body, { requestId: request.id, headers, maxJobs: deps.options.maxJobsPerRequest });
    return answerInference(deps, reply, mapped, COMPLETION_SHAPE);
  });
}
