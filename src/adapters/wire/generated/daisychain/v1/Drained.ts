// Original file: proto/daisychain/v1/swarm_registry.proto


export interface Drained {
}

export interface Drained__Output {
}
