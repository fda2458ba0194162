import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DispatcherError } from '../../../src/domain/shared/errors.ts';
import { parseTrace } from '../../../src/simulation/trace-csv.ts';

const HEAD = 'TIMESTAMP,ContextTokens,GeneratedTokens';

describe('a trace', () => {
  it('is read with dates or seconds, in any column order, with any line ends', () => {
    const dated = `${HEAD}\r\n2023-11-16 18:17:03.5,4808,10\r\n2023-11-16 18:18:04.0,110,27\r\n\r\n`;
    const [first, second] = parseTrace(dated, 10);
    expect(first).toMatchObject({ inputTokens: 4808, outputTokens: 10 });
    expect((second?.arrivalSeconds ?? 0) - (first?.arrivalSeconds ?? 0)).toBeCloseTo(60.5, 6);
    expect(parseTrace('output_tokens,arrival_seconds,input_tokens\n7,1.5,100\n', 10)).toEqual([
      { arrivalSeconds: 1.5, inputTokens: 100, outputTokens: 7 },
    ]);
  });

  it.each([
    ['2000-02-28 23:59:59', '2000-03-01 00:00:00', 86_401],
    ['1999-12-31 23:59:59', '2000-01-01 00:00:00', 1],
    ['2023-02-28 12:00:00', '2023-03-01 12:00:00', 86_400],
    ['2024-02-29T00:00:00Z', '2025-02-28T00:00:00Z', 365 * 86_400],
  ])('knows the calendar from %s to %s', (from, to, seconds) => {
    const [first, second] = parseTrace(`${HEAD}\n${from},1,1\n${to},1,1`, 2);
    expect((second?.arrivalSeconds ?? 0) - (first?.arrivalSeconds ?? 0)).toBe(seconds);
  });

  it('counts the same seconds as the clock of the machine', () => {
    const [only] = parseTrace(`${HEAD}\n2023-11-16 18:17:03,1,1`, 1);
    expect(only?.arrivalSeconds).toBe(Date.UTC(2023, 10, 16, 18, 17, 3) / 1000);
  });

  it('is cut to the requests asked for, and gives empty answers one token', () => {
    expect(parseTrace(`${HEAD}\n1,5,0\n2,5,3\n3,5,3`, 2)).toEqual([
      { arrivalSeconds: 1, inputTokens: 5, outputTokens: 1 },
      { arrivalSeconds: 2, inputTokens: 5, outputTokens: 3 },
    ]);
  });

  it.each<[string, string, RegExp]>([
    ['no column', 'a,b,c\n1,2,3', /line 1: has no column timestamp or arrival_seconds/],
    ['nothing', '', /line 1: has no column/],
    ['no request', `${HEAD}\n\n`, /line 2: there is no request/],
    ['a time that is none', `${HEAD}\nyesterday,1,1`, /line 2: has no time: "yesterday"/],
    ['negative tokens', `${HEAD}\n1,-5,1`, /line 2: tokens must be whole numbers.*"-5"/],
    ['too few fields', `${HEAD}\n1,5`, /line 2: tokens must be/],
    ['absurd tokens', `${HEAD}\n1,99999999999,1`, /line 2: tokens must be/],
    ['a step back in time', `${HEAD}\n2,1,1\n1,1,1`, /line 3: arrives before the line above/],
  ])('with %s is refused with its line', (_, text, expected) => {
    expect(() => parseTrace(text, 10)).toThrow(expected);
    expect(() => parseTrace(text, 10)).toThrow(DispatcherError);
  });

  it('of Azure has the requests and the burstiness that were published with it', () => {
    const requests = parseTrace(
      readFileSync(new URL('../../../data/azure-llm-code-2023.csv', import.meta.url), 'utf8'),
      1e6,
    );
    expect(requests).toHaveLength(8_819);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(requests.map((request) => request.inputTokens))).toBeCloseTo(2048, -1);
    expect(mean(requests.map((request) => request.outputTokens))).toBeCloseTo(28, 0);
    const gaps = requests.slice(1).map((request, i) => request.arrivalSeconds - (requests[i]?.arrivalSeconds ?? 0));
    const deviation = Math.sqrt(mean(gaps.map((gap) => (gap - mean(gaps)) ** 2)));
    expect(deviation / mean(gaps)).toBeCloseTo(13.15, 2);
  });
});
