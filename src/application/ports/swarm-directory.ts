import type { Span } from '../../domain/model/span.ts';
import type { MeasuredSpeed } from './block-host.ts';

/** The port to a swarm that exists by itself and announces its servers in a directory. */
export interface SwarmDirectory {
  /**
   * The servers that announce blocks of the model, sorted by id, with what each says of itself. What a
   * stranger wrote into the directory is checked in form and bounded; whether it is true is not known.
   * @throws DispatcherError DSP_SERVER_LOST when no peer of the directory answers
   */
  list(): Promise<readonly ListedServer[]>;
  /**
   * Asks a server itself: the only live truth about its blocks and its cache.
   * @throws DispatcherError DSP_SERVER_LOST, DSP_STEP_TIMEOUT, DSP_SPAN_NOT_HOSTED, DSP_BAD_OUTPUT
   */
  ask(server: ListedServer): Promise<LiveServerState>;
  /**
   * Runs a short session over the server's blocks and takes the time.
   * @throws DispatcherError as `ChainTransport.open`
   */
  measureSpeed(server: ListedServer): Promise<MeasuredSpeed>;
}

export interface ListedServer {
  /** The peer id. */
  readonly serverId: string;
  /** A multiaddr that ends in the peer id. */
  readonly address: string;
  readonly span: Span;
  readonly state: 'offline' | 'joining' | 'online';
  /** Seconds per token and block as the server measured itself; undefined where it did not. */
  readonly decodeSecondsPerTokenPerBlock: number | undefined;
  readonly prefillSecondsPerTokenPerBlock: number | undefined;
  /** Of the weights. Empty where the server does not tell. */
  readonly dtype: string;
  /** "none" where the weights are not quantised; empty where the server does not tell. */
  readonly quantization: string;
  readonly version: string;
}

export interface LiveServerState {
  readonly rttSeconds: number;
  /** Tokens times blocks that fit the free cache. */
  readonly cacheTokensFree: number;
}
