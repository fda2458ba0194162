// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Leaving {
  'reason'?: (string);
}

export interface Leaving__Output {
  'reason': (string);
}
