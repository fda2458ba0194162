// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Span {
  'firstBlock'?: (number);
  'blockCount'?: (number);
}

export interface Span__Output {
  'firstBlock': (number);
  'blockCount': (number);
}
