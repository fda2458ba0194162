import { z } from 'zod';
import { errorSchema } from '../openai/response-schemas.ts';
import { PROMPT_RULE, promptField } from '../openai/schemas.ts';
import { DEADLINE_HEADER, PRIORITY_HEADER, TENANT_HEADER } from '../request-headers.ts';
import { OPERATIONS, type Operation } from './operations.ts';

/**
 * The API as an OpenAPI 3.1 document, made of the very schemas that check requests.
 * @param isServed tells whether a part of the application is there to serve its operations
 */
export function buildOpenApiDocument(isServed: (part: NonNullable<Operation['needs']>) => boolean): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    if (operation.needs !== undefined && !isServed(operation.needs)) continue;
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describeOperation(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Daisychain',
      version: '1',
      description:
        "OpenAI's API for a language model that a swarm of servers hosts block by block. Fields of requests that are not listed pass and are ignored.",
    },
    paths,
    components: {
      schemas: { Error: toJsonSchema(errorSchema) },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'Only where the dispatcher has keys configured.' },
      },
    },
  };
}

function describeOperation(operation: Operation): object {
  const parameters = [...pathParameters(operation.path), ...(operation.tag === 'inference' ? REQUEST_HEADERS : [])];
  return {
    summary: operation.summary,
    tags: [operation.tag],
    ...(operation.needsKey ? { security: [{ bearer: [] }, {}] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: toJsonSchema(operation.body) } } } }),
    responses: {
      [operation.status ?? 200]: { description: 'Done', content: answerContent(operation) },
      ...Object.fromEntries((operation.errors ?? []).map((status) => [status, errorResponse(status)])),
      ...(operation.path === '/readyz' ? { 503: { description: 'Not ready', content: answerContent(operation) } } : {}),
    },
  };
}

function answerContent(operation: Operation): object {
  if (operation.answer === undefined) return { 'text/plain': { schema: { type: 'string' } } };
  const whole = { 'application/json': { schema: toJsonSchema(operation.answer) } };
  if (operation.event === undefined) return whole;
  return {
    ...whole,
    'text/event-stream': {
      schema: { description: 'The data of each event, before `[DONE]`.', ...toJsonSchema(operation.event) },
    },
  };
}

const ERROR_MEANINGS: Readonly<Record<number, string>> = {
  400: 'A field is wrong, or the request can never fit',
  401: 'No key, or a wrong one',
  404: 'There is no such model, server or request',
  408: 'The deadline cannot be met, or has passed',
  413: 'The body is too large',
  415: 'The body is not JSON',
  429: 'The queue is full, or the tenant is over a limit; try again after `retry-after-ms`',
  502: 'Every chain failed',
  503: 'No plan covers the model now, or the dispatcher is draining',
};

function errorResponse(status: number): object {
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return { description: ERROR_MEANINGS[status] ?? 'Failed', content };
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

const REQUEST_HEADERS = [
  {
    name: 'x-request-id',
    in: 'header',
    description: 'Comes back on the answer.',
    schema: { type: 'string', maxLength: 128 },
  },
  {
    name: PRIORITY_HEADER,
    in: 'header',
    schema: { type: 'string', enum: ['high', 'normal', 'low'], default: 'normal' },
  },
  {
    name: DEADLINE_HEADER,
    in: 'header',
    description: 'Longest wait for the answer to begin, milliseconds.',
    schema: { type: 'integer', minimum: 1 },
  },
  {
    name: TENANT_HEADER,
    in: 'header',
    description: 'Whose request it is, as far as its API key allows.',
    schema: { type: 'string', maxLength: 64 },
  },
];

/** What zod cannot say of a check written by hand. */
const PROMPT_JSON_SCHEMA = {
  description: `One prompt or several: ${PROMPT_RULE}.`,
  anyOf: [
    { type: 'string' },
    { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 },
    {
      type: 'array',
      minItems: 1,
      items: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1 }] },
    },
  ],
};

function toJsonSchema(schema: z.ZodType): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    unrepresentable: 'any',
    // Unknown fields pass, so the documents must not forbid them.
    io: 'output',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === promptField) Object.assign(jsonSchema, PROMPT_JSON_SCHEMA);
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return rest;
}
