import type { Metadata, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { boundedJob } from '../../application/access/bounded-job.ts';
import { bearerKey, type KeyGrant, type KeyRing, type Priority } from '../../application/access/key-ring.ts';
import type { GenerationRequest, InferenceService } from '../../application/ports/inference.ts';
import type { LeaseChain, LeasedChain } from '../../application/requests/lease-chain.ts';
import { validTraceparent } from '../../application/requests/trace-context.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import type { DispatcherHandlers } from '../wire/generated/daisychain/v1/Dispatcher.ts';
import type { GenerateEvent } from '../wire/generated/daisychain/v1/GenerateEvent.ts';
import type { GenerateRequest__Output } from '../wire/generated/daisychain/v1/GenerateRequest.ts';
import type { Lease } from '../wire/generated/daisychain/v1/Lease.ts';
import { toStatus } from './error-map.ts';

export interface DispatcherServiceDependencies {
  readonly inference: InferenceService;
  readonly leases: LeaseChain;
  readonly newId: () => string;
  /** A seed for requests that name none. */
  readonly newSeed: () => number;
  /** One of which a client must show (`authorization: Bearer KEY`); empty: everybody may ask. */
  readonly clientKeys: KeyRing;
  /** Unexpected failures: ours, not the client's. */
  readonly logFailure: (error: unknown) => void;
}

/** Tokens of a request that names no maximum. */
const DEFAULT_MAX_TOKENS = 256;

/** A client that does not read for this long loses its stream, ms. */
const SLOW_CLIENT_MS = 60_000;

/** The service for clients: `Generate`, and `Acquire`, `Renew`, `Release` for those that drive a chain themselves. */
export function dispatcherHandlers(deps: DispatcherServiceDependencies): DispatcherHandlers {
  const authenticate = createAuthentication(deps.clientKeys);
  const { leases } = deps;

  return {
    Generate: (call) => {
      generate(call, deps, authenticate).catch((error: unknown) => {
        if (!(error instanceof DispatcherError)) deps.logFailure(error);
        call.emit('error', toStatus(error));
      });
    },
    Acquire: (call, reply) =>
      answer(call, reply, deps, authenticate, async (grant) => {
        const { modelId, inputTokens, maxOutputTokens, priority, tenant } = call.request;
        const wanted = { priority: priorityOf(priority), tenant: tenantOf(tenant) };
        return leaseMessage(
          await leases.acquire(
            {
              modelId,
              inputTokens,
              maxOutputTokens,
              deadlineMs: deadlineMs(call),
              ...boundedJob(wanted, grant, 'tenant'),
            },
            cancellationOf(call),
          ),
        );
      }),
    Renew: (call, reply) =>
      answer(call, reply, deps, authenticate, async () => leaseMessage(leases.renew(call.request.leaseId))),
    Release: (call, reply) =>
      answer(call, reply, deps, authenticate, async () => {
        leases.release(call.request.leaseId, call.request.succeeded);
        return {};
      }),
  };
}

/** @returns what the caller's key allows, or, where no keys are set, everybody may; undefined: no tenant may be named */
type Authenticate = (metadata: Metadata) => KeyGrant | undefined;

function createAuthentication(keys: KeyRing): Authenticate {
  return (metadata) => {
    if (keys.isEmpty) return keys.open;
    const key = bearerKey(String(metadata.get('authorization')[0] ?? ''));
    const grant = key === undefined ? undefined : keys.find(key);
    if (grant !== undefined) return grant;
    throw new DispatcherError('DSP_UNAUTHENTICATED', 'send an API key in the metadata `authorization: Bearer KEY`');
  };
}

function answer<Request, Reply>(
  call: ServerUnaryCall<Request, Reply>,
  reply: sendUnaryData<Reply>,
  deps: DispatcherServiceDependencies,
  authenticate: Authenticate,
  work: (grant: KeyGrant | undefined) => Promise<Reply>,
): void {
  const run = async (): Promise<Reply> => {
    return work(authenticate(call.metadata));
  };
  run().then(
    (message) => reply(null, message),
    (error: unknown) => {
      if (!(error instanceof DispatcherError)) deps.logFailure(error);
      reply(toStatus(error));
    },
  );
}

async function generate(
  call: ServerWritableStream<GenerateRequest__Output, GenerateEvent>,
  deps: DispatcherServiceDependencies,
  authenticate: Authenticate,
): Promise<void> {
  const grant = authenticate(call.metadata);
  const signal = cancellationOf(call);
  const generation = await deps.inference.generate(requestOf(call, deps, grant), signal);
  let outputTokens = 0;
  const base = { inputTokens: generation.promptTokens, chainId: generation.chainId };
  for await (const event of generation.events) {
    if (event.kind === 'prompt') continue;
    if (event.kind === 'token') outputTokens += 1;
    else outputTokens = event.completionTokens;
    const message: GenerateEvent =
      event.kind === 'token'
        ? { ...base, text: event.text, token: event.token.token, outputTokens }
        : { ...base, text: event.text, finishReason: event.finishReason, outputTokens };
    if (!call.write(message)) await drained(call, signal);
  }
  call.end();
}

/** Waits until a slow client has read, so that its own chain waits and nothing piles up here. */
function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: DispatcherError): void => {
      clearTimeout(timer);
      call.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onDrain = (): void => settle();
    const onAbort = (): void => settle(new DispatcherError('DSP_CANCELLED', 'the client left'));
    const timer = setTimeout(
      () => settle(new DispatcherError('DSP_CANCELLED', `the client read nothing for ${SLOW_CLIENT_MS / 1000} s`)),
      SLOW_CLIENT_MS,
    );
    call.once('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function requestOf(
  call: ServerWritableStream<GenerateRequest__Output, GenerateEvent>,
  deps: DispatcherServiceDependencies,
  grant: KeyGrant | undefined,
): GenerationRequest {
  const { request } = call;
  const traceparent = validTraceparent(call.metadata.get('traceparent')[0]);
  const { sampling } = request;
  if (request.prompt !== '' && request.promptTokens.length > 0)
    throw invalid('prompt', 'give prompt or prompt_tokens, not both');
  if (request.stop.length > 4) throw invalid('stop', 'holds 4 texts at most');
  return {
    requestId: requestIdOf(call.metadata) ?? deps.newId(),
    modelId: request.modelId === '' ? 'default' : request.modelId,
    prompt:
      request.promptTokens.length > 0
        ? { kind: 'tokens', tokens: request.promptTokens }
        : { kind: 'text', text: request.prompt },
    maxTokens: request.maxOutputTokens === 0 ? DEFAULT_MAX_TOKENS : request.maxOutputTokens,
    isMaxTokensDefault: request.maxOutputTokens === 0,
    sampling: {
      temperature: inRange('sampling.temperature', sampling?.temperature ?? 1, 0, 2),
      topP: inRange('sampling.top_p', sampling?.topP ?? 1, Number.MIN_VALUE, 1),
      seed: inRange('sampling.seed', sampling?.seed ?? deps.newSeed(), 0, Number.MAX_SAFE_INTEGER),
    },
    stop: request.stop,
    ...boundedJob({ priority: priorityOf(request.priority), tenant: tenantOf(request.tenant) }, grant, 'tenant'),
    ...(traceparent === undefined ? {} : { traceparent }),
    deadlineMs: deadlineMs(call),
  };
}

/** The client's own name for its request, where it is one that logs and paths can carry. */
function requestIdOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get('x-request-id');
  return typeof value === 'string' && /^[A-Za-z0-9._:@/+=-]{1,128}$/.test(value) ? value : undefined;
}

function tenantOf(text: string): string | undefined {
  if (text === '') return undefined;
  if (/^[A-Za-z0-9._:@-]{1,64}$/.test(text)) return text;
  throw invalid('tenant', 'must be 1 to 64 letters, digits or any of . _ : @ -');
}

function priorityOf(text: string): Priority {
  if (text === '' || text === 'normal') return 'normal';
  if (text === 'high' || text === 'low') return text;
  throw invalid('priority', 'must be high, normal or low');
}

function inRange(param: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most))
    throw invalid(param, `must lie between ${least === Number.MIN_VALUE ? 'above 0' : least} and ${most}`);
  return value;
}

/** Ms that the call's own deadline leaves; undefined when it has none. */
function deadlineMs(call: { getDeadline(): Date | number }): number | undefined {
  const deadline = call.getDeadline();
  const at = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(at) ? Math.max(1, at - Date.now()) : undefined;
}

function cancellationOf(call: {
  on(event: 'cancelled', listener: () => void): unknown;
  readonly cancelled: boolean;
}): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.on('cancelled', () => controller.abort());
  return controller.signal;
}

function leaseMessage(lease: LeasedChain): Lease {
  return {
    leaseId: lease.id,
    expiresInSeconds: lease.expiresInMs / 1000,
    planEpoch: lease.ticket.epoch,
    chainId: lease.ticket.chain.id,
    hops: lease.hops.map((hop) => ({
      serverId: hop.serverId,
      address: hop.address,
      protocol: hop.protocol ?? 'grpc',
      span: { firstBlock: hop.firstBlock, blockCount: hop.blockCount },
      sessionToken: hop.sessionToken ?? '',
      certificate: hop.certificate ?? '',
    })),
  };
}

function invalid(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param}: ${problem}`, { param });
}
