/**
 * Number formats in which the built-in servers and the head can hold the matrices of a model. Hidden states and
 * caches are float32 in each. Servers of one swarm share the format: other weights are another model.
 */
export const WEIGHTS_DTYPES = ['float32', 'int8'] as const;

export type WeightsDtype = (typeof WEIGHTS_DTYPES)[number];
