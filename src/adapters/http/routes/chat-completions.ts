import type { FastifyInstance } from 'fastify';
import { answerInference } from '../answer-inference.ts';
import { grantOf } from '../authentication.ts';
import type { HttpDeps } from '../http-deps.ts';
import { CHAT_SHAPE } from '../openai/chat-shape.ts';
import { mapChatCompletion } from '../openai/map.ts';
import { parseBody } from '../openai/parse-body.ts';
import { chatCompletionSchema } from '../openai/schemas.ts';
import { readJobHeaders } from '../request-headers.ts';

/** `POST /v1/chat/completions`. */
export function addChatCompletions(app: FastifyInstance, deps: HttpDeps): void {
  app.post('/v1/chat/completions', (request, reply) => {
    const headers = readJobHeaders(request.headers, grantOf(request));
    const body = parseBody(chatCompletionSchema, request.body);
    const mapped = mapChatCompletion(body, { requestId: request.id, headers, maxJobs: deps.options.maxJobsPerRequest });
    return answerInference(deps, reply, mapped, CHAT_SHAPE);
  });
}
