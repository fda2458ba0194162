// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Redirect {
  'address'?: (string);
}

export interface Redirect__Output {
  'address': (string);
}
