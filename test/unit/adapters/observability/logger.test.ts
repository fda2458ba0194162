import { expect, test } from 'vitest';
import { createLogger } from '../../../../src/adapters/observability/logger.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';

function record(level: 'info' | 'warn' = 'info') {
  const lines: string[] = [];
  const log = createLogger({ level, destination: { write: (line) => void lines.push(line) } });
  return { log, last: () => JSON.parse(lines.at(-1) ?? 'null'), lines };
}

test('a line is JSON with its level, time and component', () => {
  const { log, last } = record();
  log.child({ component: 'http' }).info({ jobId: 'j1' }, 'served');
  expect(last()).toMatchObject({
    level: 'info',
    service: 'daisychain',
    component: 'http',
    jobId: 'j1',
    msg: 'served',
    time: expect.stringMatching(/^\d{4}-/),
  });
});

test('credentials, prompts and answers are never written, however deep they lie', () => {
  const { log, last } = record();
  log.info(
    {
      prompt: 'p1',
      request: { messages: ['m1'], headers: { authorization: 'a1' } },
      generation: { text: 't1' },
      joinToken: 'j1',
    },
    'x',
  );
  const line = JSON.stringify(last());
  for (const secret of ['p1', 'm1', 'a1', 't1', 'j1']) expect(line).not.toContain(`"${secret}"`);
  expect(last()).toMatchObject({ prompt: '[redacted]', request: { headers: { authorization: '[redacted]' } } });
});

test('an error keeps its code, its server and its causes', () => {
  const { log, last } = record();
  log.warn({ err: new DispatcherError('DSP_SERVER_LOST', 'gone', { serverId: 's1', cause: new Error('reset') }) }, 'x');
  expect(last().err).toMatchObject({
    type: 'DispatcherError',
    code: 'DSP_SERVER_LOST',
    serverId: 's1',
    message: 'gone',
    cause: { message: 'reset' },
  });
});

test('a circle of causes ends', () => {
  const { log, last } = record();
  const error: Error & { cause?: unknown } = new Error('round');
  error.cause = error;
  log.warn({ err: error }, 'x');
  expect(JSON.stringify(last()).match(/"round"/g)?.length).toBeLessThan(6);
});

test('lines below the level are left out', () => {
  const { log, lines } = record('warn');
  log.info({}, 'quiet');
  expect(lines).toEqual([]);
});
