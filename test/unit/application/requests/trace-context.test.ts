import { expect, it } from 'vitest';
import { validTraceparent } from '../../../../src/application/requests/trace-context.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

it('takes a valid trace context, of a later version too', () => {
  expect(validTraceparent(`00-${TRACE}-${SPAN}-01`)).toBe(`00-${TRACE}-${SPAN}-01`);
  expect(validTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes-later`)).toBe(`00-${TRACE}-${SPAN}-01`);
});

it.each([
  undefined,
  '',
  ['a', 'b'],
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01-more`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-01\n`,
  `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1_000)}`,
])('begins a new trace for %j', (header) => {
  expect(validTraceparent(header)).toBeUndefined();
});
