import type { Span } from '../../src/domain/model/span.ts';
import type { Rng } from '../../src/domain/shared/rng.ts';
import type { MemoryBlockHostOptions } from './memory-block-host.ts';

/** float32[tokens, 4]: rows that tell their position. */
export function inputs(position: number, tokens: number): Float32Array {
  const row = (at: number): number[] => [at % 50, at % 7, at % 11, 1];
  return Float32Array.from(Array.from({ length: tokens }, (_, i) => row(position + i)).flat());
}

/** Fails each step from the n-th on. */
export function failsAfter(steps: number): (output: Float32Array) => Float32Array {
  let seen = 0;
  return (output) => {
    seen += 1;
    if (seen > steps) throw new Error('the server broke');
    return output;
  };
}

type HostOptions = MemoryBlockHostOptions & { readonly hosted: Span };

/** One server for each span that breaks soon, and three more of each, of which the last one never does. */
export function breakingHosts(spans: readonly Span[], rng: Rng): HostOptions[] {
  const breaking = (hosted: Span): HostOptions => ({ hosted, spoil: failsAfter(Math.floor(rng.next() * 10)) });
  const breakingOrFull = (hosted: Span): HostOptions => ({
    ...breaking(hosted),
    ...(rng.next() < 0.2 && { cacheTokens: 1 }),
  });
  return [
    ...spans.map(breaking),
    ...spans.flatMap((hosted) => [breakingOrFull(hosted), breakingOrFull(hosted), { hosted }]),
  ];
}
