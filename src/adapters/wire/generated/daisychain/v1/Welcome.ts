// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Welcome {
  'heartbeatIntervalSeconds'?: (number | string);
  'leaseSeconds'?: (number | string);
  'dispatcherId'?: (string);
}

export interface Welcome__Output {
  'heartbeatIntervalSeconds': (number);
  'leaseSeconds': (number);
  'dispatcherId': (string);
}
