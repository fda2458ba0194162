import type { z } from 'zod';
import { requestTimesSchema } from '../admin/request-schemas.ts';
import { acceptedSchema, chainsSchema, planSchema, queueSchema, serversSchema } from '../admin/schemas.ts';
import { outlookSchema, whatIfSchema } from '../admin/what-if-schemas.ts';
import {
  chatAnswerSchema,
  chatChunkSchema,
  completionAnswerSchema,
  modelListSchema,
  modelSchema,
  readinessSchema,
} from '../openai/response-schemas.ts';
import { chatCompletionSchema, completionSchema } from '../openai/schemas.ts';

/** One operation of the API, as documented. */
export interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly tag: 'inference' | 'models' | 'probes' | 'operators';
  readonly summary: string;
  readonly body?: z.ZodType;
  /** Undefined: text. */
  readonly answer?: z.ZodType;
  /** Of success; default 200. */
  readonly status?: number;
  /** One event of the streamed form. */
  readonly event?: z.ZodType;
  /** Statuses of errors, each with OpenAI's error body. */
  readonly errors?: readonly number[];
  readonly needsKey: boolean;
  /** The part of the application without which it is not served. */
  readonly needs?: 'swarm' | 'journal' | 'control';
}

const INFERENCE_ERRORS = [400, 401, 404, 408, 413, 415, 429, 502, 503];

export const OPERATIONS: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/chat/completions',
    tag: 'inference',
    summary: 'Answers a conversation',
    body: chatCompletionSchema,
    answer: chatAnswerSchema,
    event: chatChunkSchema,
    errors: INFERENCE_ERRORS,
    needsKey: true,
  },
  {
    method: 'post',
    path: '/v1/completions',
    tag: 'inference',
    summary: 'Continues a text',
    body: completionSchema,
    answer: completionAnswerSchema,
    event: completionAnswerSchema,
    errors: INFERENCE_ERRORS,
    needsKey: true,
  },
  {
    method: 'get',
    path: '/v1/models',
    tag: 'models',
    summary: 'Models with a live plan',
    answer: modelListSchema,
    errors: [401],
    needsKey: true,
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    tag: 'models',
    summary: 'One model',
    answer: modelSchema,
    errors: [401, 404],
    needsKey: true,
  },
  { method: 'get', path: '/livez', tag: 'probes', summary: '200 while the process answers', needsKey: false },
  {
    method: 'get',
    path: '/readyz',
    tag: 'probes',
    summary: '200 while requests can be served, else 503 with the reasons (also /healthz and /health)',
    answer: readinessSchema,
    needsKey: false,
  },
  { method: 'get', path: '/metrics', tag: 'probes', summary: 'Prometheus text', needsKey: false },
  {
    method: 'get',
    path: '/admin/v1/servers',
    tag: 'operators',
    summary: 'Servers, their spans and states',
    answer: serversSchema,
    errors: [401],
    needsKey: true,
    needs: 'swarm',
  },
  {
    method: 'get',
    path: '/admin/v1/plan',
    tag: 'operators',
    summary: 'The live plan',
    answer: planSchema,
    errors: [401],
    needsKey: true,
    needs: 'swarm',
  },
  {
    method: 'get',
    path: '/admin/v1/chains',
    tag: 'operators',
    summary: 'Chains and their slots',
    answer: chainsSchema,
    errors: [401],
    needsKey: true,
    needs: 'swarm',
  },
  {
    method: 'get',
    path: '/admin/v1/queue',
    tag: 'operators',
    summary: 'The queue',
    answer: queueSchema,
    errors: [401],
    needsKey: true,
    needs: 'swarm',
  },
  {
    method: 'get',
    path: '/admin/v1/requests/{id}',
    tag: 'operators',
    summary: 'Where the time of one request went, hop by hop',
    answer: requestTimesSchema,
    errors: [401, 404],
    needsKey: true,
    needs: 'journal',
  },
  {
    method: 'post',
    path: '/admin/v1/replan',
    tag: 'operators',
    summary: 'Plans anew',
    status: 202,
    answer: acceptedSchema,
    errors: [401],
    needsKey: true,
    needs: 'control',
  },
  {
    method: 'post',
    path: '/admin/v1/servers/{id}/drain',
    tag: 'operators',
    summary: 'Gives a server no new work',
    status: 202,
    answer: acceptedSchema,
    errors: [401, 404],
    needsKey: true,
    needs: 'control',
  },
  {
    method: 'post',
    path: '/admin/v1/what-if',
    tag: 'operators',
    summary: 'The plan that would be made if the swarm were changed; changes nothing',
    body: whatIfSchema,
    answer: outlookSchema,
    errors: [400, 401, 415],
    needsKey: true,
    needs: 'control',
  },
];
