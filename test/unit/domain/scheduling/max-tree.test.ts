import { expect, it } from 'vitest';
import { MaxTree } from '../../../../src/domain/scheduling/max-tree.ts';
import { createRng } from '../../../../src/domain/shared/rng.ts';

it.each([1, 2, 7, 64, 100])(
  'finds the first of %d numbers that is large enough, whatever was changed before',
  (size) => {
    const rng = createRng(size, 'max-tree');
    const tree = new MaxTree(size);
    const numbers = new Array<number>(size).fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < 500; i += 1) {
      const position = Math.floor(rng.next() * size);
      numbers[position] = Math.floor(rng.next() * 20);
      tree.set(position, numbers[position]);
      const wanted = Math.floor(rng.next() * 22);
      expect(tree.firstAtLeast(wanted)).toBe(numbers.findIndex((number) => number >= wanted));
      expect(tree.get(position)).toBe(numbers[position]);
    }
  },
);

it('finds nothing among no numbers', () => {
  expect(new MaxTree(0).firstAtLeast(0)).toBe(-1);
});
