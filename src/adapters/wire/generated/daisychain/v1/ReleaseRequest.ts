// Original file: proto/daisychain/v1/dispatcher.proto


export interface ReleaseRequest {
  'leaseId'?: (string);
  'succeeded'?: (boolean);
  'failedServerId'?: (string);
}

export interface ReleaseRequest__Output {
  'leaseId': (string);
  'succeeded': (boolean);
  'failedServerId': (string);
}
