// Original file: proto/daisychain/v1/dispatcher.proto


export interface LeaseRef {
  'leaseId'?: (string);
}

export interface LeaseRef__Output {
  'leaseId': (string);
}
