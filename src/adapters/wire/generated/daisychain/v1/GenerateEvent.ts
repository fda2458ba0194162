// Original file: proto/daisychain/v1/dispatcher.proto


export interface GenerateEvent {
  'text'?: (string);
  'token'?: (number);
  'finishReason'?: (string);
  'inputTokens'?: (number);
  'outputTokens'?: (number);
  'chainId'?: (string);
  '_token'?: "token";
}

export interface GenerateEvent__Output {
  'text': (string);
  'token'?: (number);
  'finishReason': (string);
  'inputTokens': (number);
  'outputTokens': (number);
  'chainId': (string);
  '_token'?: "token";
}
