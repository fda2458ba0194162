// Original file: proto/daisychain/v1/block_server.proto


export interface InfoRequest {
}

export interface InfoRequest__Output {
}
