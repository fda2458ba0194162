import { expect, test } from 'vitest';
import { RecoveryAttempts } from '../../../../src/application/requests/recovery-attempts.ts';
import { DispatcherError, type ErrorCode } from '../../../../src/domain/shared/errors.ts';

const failure = (code: ErrorCode, serverId = 's'): DispatcherError =>
  new DispatcherError(code, 'it failed', { serverId });

test('outlives as many failures as it is allowed, each counted once', () => {
  const attempts = new RecoveryAttempts(2);
  const first = failure('DSP_BAD_OUTPUT');
  expect(attempts.count(first)).toBe(true);
  expect(attempts.count(first)).toBe(false);
  attempts.count(failure('DSP_STEP_TIMEOUT', 't'));
  expect(attempts.isExhausted).toBe(false);
  expect(attempts.isLast).toBe(true);
  attempts.progressed();
  attempts.count(failure('DSP_SERVER_LOST', 'u'));
  expect(attempts.isExhausted).toBe(true);
  expect(['s', 't', 'u', 'v'].map((id) => attempts.isAvoided(id))).toEqual([true, true, true, false]);
});

test('waits out refusals instead of counting them, longer each time, and asks again once rows came', () => {
  const attempts = new RecoveryAttempts(0);
  expect(attempts.pauseMs()).toBe(0);
  const pauses = Array.from({ length: 8 }, () => {
    attempts.count(failure('DSP_CACHE_FULL'));
    return attempts.pauseMs();
  });
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000]);
  expect(attempts.isExhausted).toBe(false);
  expect(attempts.isAvoided('s')).toBe(true);
  attempts.progressed();
  expect(attempts.isAvoided('s')).toBe(false);
  expect(attempts.pauseMs()).toBe(0);
});

test('tries a server once more after a mere loss of the connection, and not where nothing may be retried', () => {
  const attempts = new RecoveryAttempts(3);
  const lost = failure('DSP_SERVER_LOST');
  expect(attempts.mayRetrySame(lost)).toBe(true);
  expect(attempts.mayRetrySame(failure('DSP_SERVER_LOST'))).toBe(false);
  expect(attempts.mayRetrySame(failure('DSP_SERVER_LOST', 't'))).toBe(true);
  expect(attempts.mayRetrySame(failure('DSP_STEP_TIMEOUT', 'u'))).toBe(false);
  expect(new RecoveryAttempts(0).mayRetrySame(failure('DSP_SERVER_LOST'))).toBe(false);
});

test('gives the time to wait once for each interruption', () => {
  const attempts = new RecoveryAttempts(3);
  expect(attempts.waitUntil(100, 50)).toBe(150);
  expect(attempts.waitUntil(140, 50)).toBe(150);
  attempts.progressed();
  expect(attempts.waitUntil(200, 50)).toBe(250);
});
