import type { RandomInput } from './random-input.ts';

/** Something that takes input from outside. */
export interface FuzzTarget {
  readonly name: string;
  /** Its share of all inputs, a weight. */
  readonly weight: number;
  /** Gives it one random input. @returns what is wrong with its answer; undefined: nothing is */
  run(input: RandomInput): Promise<string | undefined>;
}
