// Original file: proto/daisychain/v1/dispatcher.proto


export interface AcquireRequest {
  'modelId'?: (string);
  'inputTokens'?: (number);
  'maxOutputTokens'?: (number);
  'priority'?: (string);
  'tenant'?: (string);
}

export interface AcquireRequest__Output {
  'modelId': (string);
  'inputTokens': (number);
  'maxOutputTokens': (number);
  'priority': (string);
  'tenant': (string);
}
