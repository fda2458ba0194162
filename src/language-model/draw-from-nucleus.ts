/** Tokens are sorted into buckets by logit, which finds the edge of the nucleus without a full sort. */
const BUCKETS = 1024;
/** Tokens this many nats below the best share the last bucket: e^-64 of its weight. */
const MAX_DEPTH = 64;

/**
 * Draws from the nucleus: the fewest tokens of largest probability that together reach `topP`
 * (Holtzman et al., arXiv 1904.09751), at `temperature`. Among equal logits the lower token comes first.
 * Exact; O(vocabulary + b log b) with b tokens in the bucket at the edge.
 * @param largest the largest logit   @param temperature > 0   @param topP (0, 1]   @param uniform [0, 1)
 */
export function drawFromNucleus(
  logits: Float32Array,
  largest: number,
  temperature: number,
  topP: number,
  uniform: number,
): number {
  const weights = new Float64Array(logits.length);
  let total = 0;
  let deepest = 0;
  for (let token = 0; token < logits.length; token += 1) {
    const depth = (largest - (logits[token] ?? 0)) / temperature;
    const weight = Math.exp(-depth);
    weights[token] = weight;
    total += weight;
    if (depth > deepest && depth < MAX_DEPTH) deepest = depth;
  }
  if (topP >= 1) return pick(weights, uniform * total);
  const scale = (BUCKETS - 1) / Math.max(deepest, Number.MIN_VALUE);
  const bucketOf = (token: number): number =>
    Math.min(BUCKETS - 1, Math.floor(((largest - (logits[token] ?? 0)) / temperature) * scale) || 0);
  const kept = keepNucleus(weights, bucketOf, topP * total);
  return pick(weights, uniform * kept);
}

/** Sets the weights outside the nucleus to zero and gives the sum of the others. */
function keepNucleus(weights: Float64Array, bucketOf: (token: number) => number, target: number): number {
  const sums = new Float64Array(BUCKETS);
  for (let token = 0; token < weights.length; token += 1) {
    const bucket = bucketOf(token);
    sums[bucket] = (sums[bucket] ?? 0) + (weights[token] ?? 0);
  }
  let edge = 0;
  let above = 0;
  while (edge < BUCKETS - 1 && above + (sums[edge] ?? 0) < target) {
    above += sums[edge] ?? 0;
    edge += 1;
  }
  const atEdge: number[] = [];
  for (let token = 0; token < weights.length; token += 1) {
    const bucket = bucketOf(token);
    if (bucket === edge) atEdge.push(token);
    else if (bucket > edge) weights[token] = 0;
  }
  atEdge.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b);
  let kept = above;
  for (const token of atEdge) {
    // The first is kept always: the nucleus is never empty.
    if (kept >= target && kept > 0) weights[token] = 0;
    else kept += weights[token] ?? 0;
  }
  return kept;
}

/** The token at which the running sum of weights passes `target`. */
function pick(weights: Float64Array, target: number): number {
  let sum = 0;
  let last = 0;
  for (let token = 0; token < weights.length; token += 1) {
    const weight = weights[token] ?? 0;
    if (weight === 0) continue;
    sum += weight;
    last = token;
    if (sum > target) return token;
  }
  // Rounding alone leads here.
  return last;
}
