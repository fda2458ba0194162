import type { AccessKeys } from '../../application/access/access-keys.ts';
import type { InferenceService } from '../../application/ports/inference.ts';
import type { RequestJournal } from '../../application/ports/request-journal.ts';
import type { SwarmControl } from '../../application/ports/swarm-control.ts';
import type { SwarmView } from '../../application/ports/swarm-view.ts';
import type { HttpOptions } from './http-options.ts';

/** All that the HTTP front needs of the rest of the process. */
export interface HttpDeps {
  readonly inference: InferenceService;
  readonly metrics: MetricsPage;
  readonly log: HttpLog;
  readonly options: HttpOptions;
  readonly access: AccessKeys;
  /** Without it the operators' read model is not served. */
  readonly swarm?: SwarmView;
  /** Without it operators can change nothing. */
  readonly control?: SwarmControl;
  /** Without it single requests cannot be looked up. */
  readonly journal?: RequestJournal;
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
