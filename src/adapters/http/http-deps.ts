import type { InferenceService } from '../../application/ports/inference.ts';
import type { SwarmView } from '../../application/ports/swarm-view.ts';
import type { HttpOptions } from './http-options.ts';

/** All that the HTTP front needs of the rest of the process. */
export interface HttpDeps {
  readonly inference: InferenceService;
  readonly metrics: MetricsPage;
  readonly log: HttpLog;
  readonly options: HttpOptions;
  /** Without it the operators' read model is not served. */
  readonly swarm?: SwarmView;
}

/** The text of `GET /metrics`. */
export interface MetricsPage {
  readonly contentType: string;
  render(): Promise<string>;
}

/** The part of a pino logger that the front uses. Never given prompts or answers. */
export interface HttpLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
