import { createRng } from '../../src/domain/shared/rng.ts';

const ODD_NUMBERS = [0, -0, 1, -1, 0.5, 1e9, 2 ** 31, 2 ** 53, 1e308, 1e-308, Number.MIN_SAFE_INTEGER];
const ODD_TEXTS = ['', ' ', '\u0000', '\ud800', '😀', 'ﷺ'.repeat(50), '../../etc/passwd', '{{x}}', '__proto__', 'null'];

/** Random values for one input: the same for the same seed and name. */
export class RandomInput {
  readonly #next: () => number;

  constructor(seed: number, name: string) {
    const rng = createRng(seed, name);
    this.#next = () => rng.next();
  }

  /** 0 up to below `limit`. */
  int(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  chance(probability: number): boolean {
    return this.#next() < probability;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)] as T;
  }

  bytes(maxLength: number): Buffer {
    return Buffer.from(Array.from({ length: this.int(maxLength + 1) }, () => this.int(256)));
  }

  number(): number {
    if (this.chance(0.4)) return this.pick(ODD_NUMBERS);
    const value = (this.#next() - 0.3) * 10 ** this.int(12);
    return this.chance(0.5) ? Math.round(value) : value;
  }

  text(maxLength = 40): string {
    if (this.chance(0.25)) return this.pick(ODD_TEXTS);
    const alphabet = this.chance(0.7) ? 'abcdefghijklmnop 0123456789-_./:' : 'é\u0007\n\r\t"\'\\{}[]<>%&\u202e漢';
    return Array.from({ length: this.int(maxLength + 1) }, () => alphabet[this.int(alphabet.length)]).join('');
  }

  /** Any JSON value; deep ones are rare. */
  json(depth = 3): unknown {
    const kind = this.int(depth > 0 ? 8 : 5);
    if (kind === 0) return null;
    if (kind === 1) return this.chance(0.5);
    if (kind === 2) return this.number();
    if (kind <= 4) return this.text();
    const length = this.int(5);
    if (kind <= 6) return Array.from({ length }, () => this.json(depth - 1));
    return Object.fromEntries(Array.from({ length }, () => [this.text(12), this.json(depth - 1)]));
  }

  /** A right value of the field, most of the time. */
  mostly<T>(right: () => T, probability = 0.75): T | unknown {
    return this.chance(probability) ? right() : this.json();
  }

  /** The bytes with a few of them changed, left out, doubled or added. */
  mutate(original: Buffer, changes = 1 + this.int(6)): Buffer {
    let bytes = original;
    for (let i = 0; i < changes; i += 1) {
      const at = this.int(bytes.length + 1);
      const length = this.int(8);
      const kind = this.int(4);
      const middle =
        kind === 0
          ? this.bytes(8)
          : kind === 1
            ? Buffer.alloc(0)
            : kind === 2
              ? bytes.subarray(at, at + 2 * length)
              : this.bytes(1);
      bytes = Buffer.concat([
        bytes.subarray(0, at),
        middle,
        bytes.subarray(Math.min(bytes.length, kind === 0 ? at : at + length)),
      ]);
    }
    return bytes;
  }
}
