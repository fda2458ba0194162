import { fc, test as property } from '@fast-check/vitest';
import { afterAll, describe, expect } from 'vitest';
import { errorSchema } from '../../src/adapters/http/openai/response-schemas.ts';
import { buildTestFront } from '../support/http-front.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_260_414);

const front = buildTestFront();
front.service.script = { texts: ['a'] };
afterAll(() => front.app.close());

const FIELDS = [
  'model',
  'messages',
  'prompt',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'seed',
  'n',
  'stop',
  'stream',
  'stream_options',
  'logprobs',
  'top_logprobs',
  'logit_bias',
  'presence_penalty',
  'frequency_penalty',
  'tools',
  'tool_choice',
  'response_format',
  'echo',
  'best_of',
];
const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
/** Values that are right, nearly right or wrong for a field. */
const fieldValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer(),
  fc.double(),
  fc.string(),
  fc.array(fc.string({ maxLength: 5 }), { maxLength: 6 }),
  fc.array(fc.integer(), { maxLength: 6 }),
  oneOf<unknown>(
    true,
    false,
    null,
    0,
    1,
    2,
    256,
    'text',
    'default',
    [{ role: 'user', content: 'hi' }],
    { type: 'text' },
    { '5': 1 },
    [[1], [2]],
  ),
);
const body = fc.dictionary(oneOf(...FIELDS, 'unknown_field'), fieldValue, { maxKeys: 8 }).chain((wild) =>
  oneOf<object>({}, { model: 'default', messages: [{ role: 'user', content: 'hi' }], prompt: 'hi' }).map((base) => ({
    ...base,
    ...wild,
  })),
);

describe.each(['/v1/chat/completions', '/v1/completions'])('%s', (url) => {
  property.prop([body], { numRuns: 300, seed: SEED })(
    'answers any body with a completion or a 4xx that names what is wrong',
    async (payload) => {
      const response = await front.app.inject({
        method: 'POST',
        url,
        payload: JSON.stringify(payload),
        headers: { 'content-type': 'application/json' },
      });
      expect(response.headers['x-request-id']).toBeTruthy();
      if (response.statusCode === 200) {
        if (!String(response.headers['content-type']).startsWith('text/event-stream'))
          expect(response.json().usage.total_tokens).toBeGreaterThan(0);
      } else {
        expect([400, 404]).toContain(response.statusCode);
        const { error } = errorSchema.parse(response.json());
        expect(error.type).toBe('invalid_request_error');
        expect(error.message.length).toBeLessThan(2_000);
      }
      expect(front.service.running).toBe(0);
      for (const request of front.service.requests.splice(0)) {
        expect(request.maxTokens).toSatisfy(
          (count: number) => Number.isSafeInteger(count) && (count >= 1 || (count === 0 && request.echo === true)),
        );
        expect(request.sampling.temperature).toSatisfy((value: number) => value >= 0 && value <= 2);
        expect(request.sampling.topP).toSatisfy((value: number) => value > 0 && value <= 1);
        expect(Number.isSafeInteger(request.sampling.seed)).toBe(true);
        expect(request.stop.length).toBeLessThanOrEqual(4);
      }
    },
  );

  property.prop([fc.uint8Array({ maxLength: 200 })], { numRuns: 100, seed: SEED })(
    'answers any bytes with a 4xx',
    async (bytes) => {
      const response = await front.app.inject({
        method: 'POST',
        url,
        payload: Buffer.from(bytes),
        headers: { 'content-type': 'application/json' },
      });
      expect(response.statusCode).toBe(400);
      errorSchema.parse(response.json());
    },
  );
});
