import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadline } from '../../../../src/adapters/wire/deadline.ts';

describe('Deadline', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('expires once after its delay', () => {
    const onExpire = vi.fn();
    new Deadline(onExpire).set(100);
    vi.advanceTimersByTime(99);
    expect(onExpire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1_000);
    expect(onExpire).toHaveBeenCalledTimes(1);
  });

  it('expires at the latest time it was moved to, later or earlier', () => {
    const onExpire = vi.fn();
    const deadline = new Deadline(onExpire);
    deadline.set(100);
    vi.advanceTimersByTime(60);
    deadline.set(100);
    vi.advanceTimersByTime(99);
    expect(onExpire).not.toHaveBeenCalled();
    deadline.set(1_000);
    deadline.set(10);
    vi.advanceTimersByTime(10);
    expect(onExpire).toHaveBeenCalledTimes(1);
  });

  it('makes few timers however often it is moved', () => {
    const spy = vi.spyOn(globalThis, 'setTimeout');
    const deadline = new Deadline(() => {});
    for (let i = 0; i < 1_000; i += 1) {
      deadline.set(500);
      vi.advanceTimersByTime(1);
      deadline.clear();
    }
    expect(spy.mock.calls.length).toBeLessThan(5);
    deadline.dispose();
    expect(vi.getTimerCount()).toBe(0);
    spy.mockRestore();
  });

  it('does not expire when cleared or disposed, and can be set again when cleared', () => {
    const onExpire = vi.fn();
    const deadline = new Deadline(onExpire);
    deadline.set(100);
    deadline.clear();
    vi.advanceTimersByTime(200);
    deadline.set(100);
    vi.advanceTimersByTime(99);
    expect(onExpire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(onExpire).toHaveBeenCalledTimes(1);
    deadline.set(100);
    deadline.dispose();
    vi.advanceTimersByTime(200);
    expect(onExpire).toHaveBeenCalledTimes(1);
  });
});
