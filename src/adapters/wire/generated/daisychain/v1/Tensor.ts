// Original file: proto/daisychain/v1/block_server.proto


export interface Tensor {
  'dtype'?: (string);
  'shape'?: (number)[];
  'data'?: (Buffer | Uint8Array | string);
}

export interface Tensor__Output {
  'dtype': (string);
  'shape': (number)[];
  'data': (Buffer);
}
