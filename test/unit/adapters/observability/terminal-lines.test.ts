import { expect, test } from 'vitest';
import { createLogger, type LogFormat } from '../../../../src/adapters/observability/logger.ts';
import { DispatcherError } from '../../../../src/domain/shared/errors.ts';

function record(format: LogFormat | undefined, isTTY?: boolean) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line), ...(isTTY === undefined ? {} : { isTTY }) };
  const log = createLogger({ level: 'info', destination, ...(format === undefined ? {} : { format }) });
  return { log, lines };
}

test('on a terminal a line is time, level, component, message and fields', () => {
  const { log, lines } = record(undefined, true);
  log
    .child({ component: 'swarm' })
    .info({ serverId: 's1', chains: 2, plan: { kind: 'change', seconds: 0.123456 }, note: 'a b' }, 'joined');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d info {2}swarm: joined serverId=s1 chains=2 plan\.kind=change plan\.seconds=0\.1235 note="a b"\n$/,
  );
});

test('elsewhere it stays JSON, unless the format says otherwise', () => {
  for (const [format, isTTY, isJson] of [
    [undefined, undefined, true],
    ['json', true, true],
    ['text', undefined, false],
  ] as const) {
    const { log, lines } = record(format, isTTY);
    log.info({}, 'x');
    expect(lines[0]?.startsWith('{')).toBe(isJson);
  }
});

test('a name with escape sequences cannot reach the terminal, nor a long one fill it', () => {
  const { log, lines } = record('text');
  log.info({ serverId: '\u001b[2J\u009b1mx\u202ey\u2028z', other: 'y'.repeat(5_000) }, 'joined\nfaked line');
  expect(lines[0]?.trimEnd()).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  expect(lines[0]?.length).toBeLessThan(300);
});

test('an expected error is its code and message, a bug of ours its stack', () => {
  const { log, lines } = record('text');
  log.warn({ err: new DispatcherError('DSP_SERVER_LOST', 'gone', { serverId: 's1' }) }, 'lost');
  expect(lines[0]).toMatch(/lost DSP_SERVER_LOST gone\n$/);
  log.error({ err: new TypeError('x is not a function') }, 'call failed');
  expect(lines[1]).toMatch(/call failed\nTypeError: x is not a function\n {4}at /);
});

test('while hushed only warnings and worse are written', () => {
  const lines: string[] = [];
  let isHushed = false;
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: 'info', format: 'text', isHushed: () => isHushed, destination });
  log.info({}, 'before');
  isHushed = true;
  log.info({}, 'routine');
  log.warn({}, 'trouble');
  expect(lines.join('')).toMatch(/before\n.*trouble\n$/);
  expect(lines).toHaveLength(2);
});

test('credentials are left out as in JSON', () => {
  const { log, lines } = record('text');
  log.info({ joinToken: 'very-secret' }, 'x');
  expect(lines[0]).toContain('joinToken=[redacted]');
});
