// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Performance {
  'overheadSecondsPerBlock'?: (number | string);
  'prefillSecondsPerTokenPerBlock'?: (number | string);
  'decodeSecondsPerTokenPerBlock'?: (number | string);
  'rttSeconds'?: (number | string);
  'bandwidthBytesPerSecond'?: (number | string);
  'concurrencySlope'?: (number | string);
  '_rttSeconds'?: "rttSeconds";
  '_bandwidthBytesPerSecond'?: "bandwidthBytesPerSecond";
  '_concurrencySlope'?: "concurrencySlope";
}

export interface Performance__Output {
  'overheadSecondsPerBlock': (number);
  'prefillSecondsPerTokenPerBlock': (number);
  'decodeSecondsPerTokenPerBlock': (number);
  'rttSeconds'?: (number);
  'bandwidthBytesPerSecond'?: (number);
  'concurrencySlope'?: (number);
  '_rttSeconds'?: "rttSeconds";
  '_bandwidthBytesPerSecond'?: "bandwidthBytesPerSecond";
  '_concurrencySlope'?: "concurrencySlope";
}
