import { type ZodType, z } from 'zod';
import {
  type ChainsDocument,
  chainsSchema,
  type PlanDocument,
  planSchema,
  type QueueDocument,
  queueSchema,
  type ServersDocument,
  serversSchema,
} from '../adapters/http/admin/schemas.ts';
import { readinessSchema } from '../adapters/http/openai/response-schemas.ts';
import { DispatcherError } from '../domain/shared/errors.ts';

/** What `daisychain status` shows; also the document of `--json`. */
export interface StatusDocument {
  readonly url: string;
  readonly is_ready: boolean;
  readonly reasons: readonly string[];
  readonly plan: PlanDocument;
  readonly queue: QueueDocument;
  readonly servers: ServersDocument['servers'];
  readonly chains: ChainsDocument['chains'];
}

const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Reads the state of a running dispatcher.
 * @param url base address, without a slash at its end
 * @throws DispatcherError DSP_SERVER_LOST (nothing answers), DSP_UNAUTHENTICATED, DSP_BAD_OUTPUT (something else answers)
 */
export async function readStatus(url: string, apiKey: string | undefined): Promise<StatusDocument> {
  const read = <T>(path: string, schema: ZodType<T>): Promise<T> => readJson(url, path, schema, apiKey);
  const [readiness, plan, queue, servers, chains] = await Promise.all([
    read('/readyz', readinessSchema),
    read('/admin/v1/plan', planSchema),
    read('/admin/v1/queue', queueSchema),
    read('/admin/v1/servers', serversSchema),
    read('/admin/v1/chains', chainsSchema),
  ]);
  return {
    url,
    is_ready: readiness.status === 'ready',
    reasons: readiness.reasons ?? [],
    plan,
    queue,
    servers: servers.servers,
    chains: chains.chains,
  };
}

async function readJson<T>(url: string, path: string, schema: ZodType<T>, apiKey: string | undefined): Promise<T> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  let status: number;
  let text: string;
  try {
    const response = await fetch(url + path, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    status = response.status;
    text = await readBounded(response);
  } catch (error) {
    if (error instanceof DispatcherError) throw error;
    throw new DispatcherError(
      'DSP_SERVER_LOST',
      `no dispatcher answers at ${url}: ${reasonOf(error)}; is it running, and is --url its HTTP address?`,
      {
        cause: error,
      },
    );
  }
  if (status === 401)
    throw new DispatcherError(
      'DSP_UNAUTHENTICATED',
      `${url} asks for an API key: give a file with one as --api-key-file`,
    );
  const result = schema.safeParse(parsed(text));
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const detail =
    status >= 400 ? `status ${status}` : `${issue?.path.join('.') || 'the answer'}: ${issue?.message ?? 'invalid'}`;
  throw new DispatcherError(
    'DSP_BAD_OUTPUT',
    `${url}${path} does not answer as a dispatcher does (${detail}); check --url`,
  );
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_ANSWER_BYTES)
      throw new DispatcherError(
        'DSP_BAD_OUTPUT',
        `${response.url} answers with more than ${MAX_ANSWER_BYTES} bytes; check --url`,
      );
    text += decoder.decode(part, { stream: true });
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return z.NEVER;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `nothing within ${TIMEOUT_MS / 1000} seconds`;
  // fetch hides the reason in the cause.
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
