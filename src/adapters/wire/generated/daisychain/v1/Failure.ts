// Original file: proto/daisychain/v1/block_server.proto


export interface Failure {
  'code'?: (string);
  'message'?: (string);
}

export interface Failure__Output {
  'code': (string);
  'message': (string);
}
