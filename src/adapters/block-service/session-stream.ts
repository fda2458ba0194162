import type { ServerHttp2Stream } from 'node:http2';
import type { Logger } from 'pino';
import type { BlockHost, BlockSession } from '../../application/ports/block-host.ts';
import { endBlock, type Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { decodeSessionRequest, encodeSessionReply } from '../wire/block-server-codec.ts';
import { Deadline } from '../wire/deadline.ts';
import { GRPC_STATUS } from '../wire/failure-codes.ts';
import type { OpenSession__Output } from '../wire/generated/daisychain/v1/OpenSession.ts';
import type { SessionReply } from '../wire/generated/daisychain/v1/SessionReply.ts';
import type { SessionRequest__Output } from '../wire/generated/daisychain/v1/SessionRequest.ts';
import type { Step__Output } from '../wire/generated/daisychain/v1/Step.ts';
import { MAX_SESSION_ID_LENGTH, maxRowsPerStep } from '../wire/limits.ts';
import { decodeTensor, encodeTensor, isFinite32, WIRE_DTYPE } from '../wire/tensor.ts';
import { GrpcStream } from './grpc-stream.ts';

export interface SessionStreamOptions {
  readonly host: BlockHost;
  readonly logger: Logger;
  /** Longest wait for the first message, and then for each next step, milliseconds. */
  readonly openTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** How long an opening waits for cache, milliseconds. */
  readonly cacheWaitMs: number;
}

/** Between two tries to reserve cache. */
const CACHE_RETRY_MS = 5;

/** An open session at the host with what the client reserved. */
interface OpenedSession {
  readonly session: BlockSession;
  readonly maxTokens: number;
  /** Rows received so far. */
  position: number;
  steps: number;
}

/**
 * Serves one `Session` call: opens a session at the host, runs the steps one after another in the
 * order received, and closes the session when the stream ends, however it ends. Steps that wait are
 * kept as unread bytes of a bounded stream, so no count of them is needed.
 */
export function serveSession(stream: ServerHttp2Stream, options: SessionStreamOptions): void {
  const { host, logger } = options;
  let opened: OpenedSession | undefined;
  let isBusy = false;
  let isHalfClosed = false;
  let isOver = false;

  const grpc = new GrpcStream(stream, {
    readable: () => pump(),
    halfClosed: () => {
      isHalfClosed = true;
      pump();
    },
    closed: () => end(),
  });
  const deadline = new Deadline(() => {
    const wait = opened === undefined ? options.openTimeoutMs : options.idleTimeoutMs;
    fail(new DispatcherError('DSP_DEADLINE_EXCEEDED', `No message for ${wait / 1000} s: open a new session.`));
  });
  deadline.set(options.openTimeoutMs);

  function pump(): void {
    while (!isBusy && !isOver) {
      let reply: SessionReply | Promise<SessionReply>;
      try {
        const message = grpc.next();
        if (message === undefined) break;
        reply = handle(parse(message));
      } catch (error) {
        fail(error);
        return;
      }
      isBusy = true;
      deadline.clear();
      void answer(reply);
    }
    if (isHalfClosed && !isBusy && !isOver) {
      grpc.finish(GRPC_STATUS.ok);
      end();
    }
  }

  async function answer(pending: SessionReply | Promise<SessionReply>): Promise<void> {
    try {
      const reply = await pending;
      // A client that does not read must not keep the session for ever: the deadline runs meanwhile.
      if (!isOver) deadline.set(options.idleTimeoutMs);
      await grpc.send(encodeSessionReply(reply));
      isBusy = false;
      if (!isOver) deadline.set(options.idleTimeoutMs);
      pump();
    } catch (error) {
      isBusy = false;
      fail(error);
    }
  }

  function handle(request: SessionRequest__Output): SessionReply | Promise<SessionReply> {
    if (request.request === 'open' && request.open) {
      if (opened !== undefined) throw invalid('open', 'the session is already open');
      return open(request.open);
    }
    if (request.request === 'step' && request.step) {
      if (opened === undefined) throw invalid('step', 'the first message must be `open`');
      return runStep(opened, request.step);
    }
    throw invalid('request', 'the message must be `open` or `step`');
  }

  async function open(request: OpenSession__Output): Promise<SessionReply> {
    const { sessionId, planEpoch, maxTokens } = request;
    const blocks = checkOpen(request, host);
    const session = await reserve(blocks, maxTokens);
    opened = { session, maxTokens, position: 0, steps: 0 };
    if (isOver) session.close();
    logger.debug({ sessionId, planEpoch, ...blocks }, 'session opened');
    return { opened: { cacheBytesFree: host.usage().cacheBytesFree } };
  }

  /**
   * A client counts on the cache of a session as soon as it has ended it; here that end may still be on its
   * way, on another connection, or wait for a step under way.
   */
  async function reserve(blocks: Span, maxTokens: number): Promise<BlockSession> {
    for (let waitedMs = 0; ; waitedMs += CACHE_RETRY_MS) {
      try {
        return host.openSession(blocks, maxTokens);
      } catch (error) {
        const isFull = error instanceof DispatcherError && error.code === 'DSP_CACHE_FULL';
        const isHopeless = waitedMs >= options.cacheWaitMs || host.usage().sessions === 0;
        if (!isFull || isHopeless || isOver) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, CACHE_RETRY_MS));
    }
  }

  async function runStep(current: OpenedSession, step: Step__Output): Promise<SessionReply> {
    const hidden = checkStep(step, current, host.hiddenSize);
    current.steps += 1;
    current.position += hidden.length / host.hiddenSize;
    const result = await current.session.step(hidden, hidden.length / host.hiddenSize, step.returnTokens);
    return {
      result: {
        index: step.index,
        hidden: encodeTensor(result.hidden, step.returnTokens, host.hiddenSize),
        computeSeconds: result.computeSeconds,
      },
    };
  }

  function fail(error: unknown): void {
    if (isOver) return;
    const known = error instanceof DispatcherError;
    if (!known) logger.error({ err: error }, 'a step failed');
    const failure = known
      ? { code: error.code, message: error.message }
      : { code: 'DSP_INTERNAL', message: 'The server failed to run the step; its log tells why.' };
    void grpc.send(encodeSessionReply({ failure }));
    grpc.finish(GRPC_STATUS.ok);
    end();
  }

  function end(): void {
    if (isOver) return;
    isOver = true;
    deadline.dispose();
    opened?.session.close();
  }
}

function parse(message: Buffer): SessionRequest__Output {
  try {
    return decodeSessionRequest(message);
  } catch (cause) {
    throw new DispatcherError('DSP_INVALID_ARGUMENT', 'The message is not a SessionRequest of daisychain.v1.', {
      cause,
    });
  }
}

function checkOpen(open: OpenSession__Output, host: BlockHost): { firstBlock: number; blockCount: number } {
  const { sessionId, modelId, blocks, maxTokens, dtype, hiddenSize } = open;
  if (sessionId.length < 1 || sessionId.length > MAX_SESSION_ID_LENGTH)
    throw invalid('session_id', `must have 1 to ${MAX_SESSION_ID_LENGTH} characters`);
  if (modelId !== host.modelId) throw invalid('model_id', `is not the hosted model "${host.modelId}"`);
  if (dtype !== WIRE_DTYPE)
    throw new DispatcherError('DSP_UNSUPPORTED', `dtype must be "${WIRE_DTYPE}".`, { param: 'dtype' });
  if (hiddenSize !== host.hiddenSize) throw invalid('hidden_size', `must be ${host.hiddenSize}`);
  if (maxTokens < 1) throw invalid('max_tokens', 'must be at least 1');
  if (blocks === null || blocks.blockCount < 1 || endBlock(blocks) > host.blockCount)
    throw invalid('blocks', `must be at least one of the model's ${host.blockCount} blocks`);
  return { firstBlock: blocks.firstBlock, blockCount: blocks.blockCount };
}

/** The rows of a step that may run next. */
function checkStep(step: Step__Output, current: OpenedSession, hiddenSize: number): Float32Array {
  if (step.index !== current.steps) throw invalid('step.index', `is ${step.index} in place of ${current.steps}`);
  if (step.position !== current.position)
    throw invalid('step.position', `is ${step.position} in place of ${current.position}`);
  const tensor = decodeTensor(step.hidden, hiddenSize);
  if (tensor.kind === 'malformed') throw invalid('step.hidden', `has ${tensor.problem}`);
  if (tensor.rows < 1 || tensor.rows > maxRowsPerStep(hiddenSize))
    throw invalid('step.hidden', `has ${tensor.rows} rows in place of 1 to ${maxRowsPerStep(hiddenSize)}`);
  if (step.returnTokens > tensor.rows)
    throw invalid('step.return_tokens', `is ${step.returnTokens}, above the step's ${tensor.rows} rows`);
  if (current.position + tensor.rows > current.maxTokens) {
    throw new DispatcherError(
      'DSP_CONTEXT_TOO_LONG',
      `The step would end at position ${current.position + tensor.rows}; the session has reserved ${current.maxTokens}.`,
      { param: 'step.hidden' },
    );
  }
  if (!isFinite32(tensor.hidden)) throw invalid('step.hidden', 'has a value that is NaN or infinite');
  return tensor.hidden;
}

function invalid(field: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${field} ${problem}.`, { param: field });
}
