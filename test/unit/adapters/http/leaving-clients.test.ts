import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { buildTestFront, type TestFront } from '../../../support/http-front.ts';

let front: TestFront | undefined;
afterEach(() => front?.app.close());

test('a client that leaves while a token is written fails its own stream only', async () => {
  const stray: unknown[] = [];
  const onStray = (error: unknown): void => void stray.push(error);
  process.on('unhandledRejection', onStray);
  try {
    front = buildTestFront();
    let answer: ServerResponse | undefined;
    front.app.addHook('onRequest', async (_request, reply) => {
      answer = reply.raw;
    });
    // The first token is written as two chunks, the role and the text: both find the answer gone.
    front.service.script = { texts: ['a', 'b'], beforeToken: async () => void answer?.destroy() };
    const url = await front.listen();
    const call = fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'default', messages: [{ role: 'user', content: 'hi' }], stream: true }),
    });
    await expect(call).rejects.toThrow();
    await expect.poll(() => front?.service.running).toBe(0);
    expect(stray).toEqual([]);
  } finally {
    process.off('unhandledRejection', onStray);
  }
});
