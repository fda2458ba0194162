/** A stream of uniform numbers in [0, 1). Deterministic for one seed. */
export interface Rng {
  next(): number;
}

/**
 * sfc32 (Chris Doty-Humphrey's small fast chaotic generator), seeded by splitmix-style mixing of
 * (seed, stream name), so that each subsystem draws from a stream of its own and adding a draw in
 * one does not shift another. 32 random bits per number. O(1).
 * @param seed any safe integer   @param stream name of the subsystem
 */
export function createRng(seed: number, stream = ''): Rng {
  let mix = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x85ebca6b)) | 0;
  for (let i = 0; i < stream.length; i += 1) mix = Math.imul(mix ^ stream.charCodeAt(i), 0x01000193);
  const seedWord = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) | 0;
  };
  let a = seedWord();
  let b = seedWord();
  let c = seedWord();
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 4_294_967_296;
  };
  for (let i = 0; i < 12; i += 1) next();
  return { next };
}
