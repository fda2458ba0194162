/** The prefix of block names in a PETALS swarm where none is configured: the model's id, without the dots that end it. */
export function dhtPrefixOf(modelId: string): string {
  return modelId.replaceAll(/[.\s]/g, '-');
}
