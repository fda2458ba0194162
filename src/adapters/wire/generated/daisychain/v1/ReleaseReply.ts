// Original file: proto/daisychain/v1/dispatcher.proto


export interface ReleaseReply {
}

export interface ReleaseReply__Output {
}
