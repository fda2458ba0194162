import { describe, expect, it } from 'vitest';
import { ContentionFit } from '../../../../src/domain/membership/contention-fit.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';

/** Requests at a server of this pace and slope, with as much work ahead as given, times that stray by a tenth. */
function measure(fit: ContentionFit, pace: number, slope: number, requests: number, ahead: (i: number) => number) {
  const rng = createRng(1, 'fit');
  for (let i = 0; i < requests; i += 1) {
    const noise = 0.9 + 0.2 * rng.next();
    fit.observe(noise * pace * (2 + slope * ahead(i)), 2, ahead(i));
  }
}

describe('the fit of pace and contention', () => {
  it.each([
    { pace: 1, slope: 1 },
    { pace: 1, slope: 0 },
    { pace: 2.5, slope: 0.4 },
    { pace: 0.5, slope: 0.7 },
  ])(
    'tells a server of pace $pace and slope $slope from requests that met others and requests that did not',
    ({ pace, slope }) => {
      const fit = new ContentionFit({ slope: 1 });
      measure(fit, pace, slope, 200, (i) => (i % 4) * 1.5);
      expect(fit.pace).toBeCloseTo(pace, 1);
      expect(Math.abs(fit.slope - slope)).toBeLessThan(0.1);
    },
  );

  it('leaves the slope as declared while no request met another', () => {
    const fit = new ContentionFit({ slope: 0.8 });
    measure(fit, 3, 0, 100, () => 0);
    expect(fit.pace).toBeCloseTo(3, 1);
    expect(3 * fit.slope).toBeCloseTo(0.8, 1);
  });

  it('follows a server that changes', () => {
    const fit = new ContentionFit({ slope: 1 });
    measure(fit, 1, 1, 300, (i) => (i % 3) * 2);
    measure(fit, 2, 0.2, 300, (i) => (i % 3) * 2);
    expect(fit.pace).toBeCloseTo(2, 0);
    expect(fit.slope).toBeLessThan(0.35);
  });

  it('is not thrown off for long by one stall, and takes no nonsense', () => {
    const fit = new ContentionFit({ slope: 1 });
    measure(fit, 1, 1, 200, (i) => i % 3);
    fit.observe(1e6, 2, 0);
    measure(fit, 1, 1, 60, (i) => i % 3);
    expect(fit.pace).toBeLessThan(1.3);
    for (const wrong of [0, -1, Number.NaN]) fit.observe(wrong, 2, 1);
    fit.observe(1, 0, 1);
    fit.observe(1, 1, -1);
    expect(fit.pace).toBeLessThan(1.3);
    expect(fit.slope).toBeGreaterThan(0.5);
  });
});
