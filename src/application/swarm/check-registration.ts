import type { DeclaredSpeeds, Registration } from '../../domain/membership/member.ts';
import type { Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';

/** A registration as it came: of the right types, and nothing more is known of it. */
export interface RawRegistration {
  readonly serverId: string;
  readonly modelId: string;
  readonly address: string;
  readonly protocol: string;
  readonly memoryBytes: number;
  readonly speeds: RawSpeeds | undefined;
  readonly hosted: Span | undefined;
  readonly isPinned: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly dtype: string;
  readonly weightsDigest: string;
  readonly sessionToken: string;
  /** PEM; empty where the server speaks without TLS. */
  readonly certificate: string;
}

export interface RawSpeeds {
  readonly overheadSecondsPerBlock: number;
  readonly prefillSecondsPerTokenPerBlock: number;
  readonly decodeSecondsPerTokenPerBlock: number;
  readonly rttSeconds: number | undefined;
  readonly bandwidthBytesPerSecond: number | undefined;
  readonly concurrencySlope: number | undefined;
}

/** What a server must agree with. */
export interface ServedModelFacts {
  readonly id: string;
  readonly dtype: string;
  readonly weightsDigest: string;
  readonly blockCount: number;
  readonly blockBytes: number;
  /** Of one session for one block. */
  readonly cacheBytesPerBlock: number;
}

const SERVER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const MAX_LABELS = 32;
const MAX_LABEL_LENGTH = 128;
/** What fits a header of HTTP without quoting. */
const SESSION_TOKEN = /^[A-Za-z0-9._~+/=-]{16,256}$/;
const MAX_SECONDS = 3_600;
const MAX_MEMORY_BYTES = 2 ** 50;

/** A local link has a round trip this short unless the server says more. */
const DEFAULT_RTT_SECONDS = 0.0005;

/**
 * Turns a registration into one that the planner can trust in form (not in truth), or says in words
 * for the server's owner what is wrong with it and what to do.
 * @throws DispatcherError DSP_INVALID_ARGUMENT for a malformed field (`param` names it), DSP_JOIN_REFUSED
 *   for one that contradicts the served model
 */
export function checkRegistration(raw: RawRegistration, model: ServedModelFacts): Registration {
  if (!SERVER_ID.test(raw.serverId)) {
    throw invalid(
      'server_id',
      'must be 1 to 63 letters, digits, dots, dashes or underscores, and begin with a letter or digit',
    );
  }
  if (raw.protocol !== 'grpc' && raw.protocol !== 'petals') {
    throw invalid('protocol', `'${shorten(raw.protocol)}' is not spoken here: use "grpc" or "petals"`);
  }
  if (raw.modelId !== model.id) {
    throw refused(
      'model_id',
      `this dispatcher serves '${model.id}', and the server offers '${shorten(raw.modelId)}': start it with --model ${model.id}`,
    );
  }
  if (raw.dtype !== model.dtype) {
    throw refused(
      'dtype',
      `this dispatcher serves weights in ${model.dtype}, and the server offers '${shorten(raw.dtype)}': start it with --dtype ${model.dtype}`,
    );
  }
  if (raw.weightsDigest !== '' && raw.weightsDigest !== model.weightsDigest) {
    throw refused(
      'weights_digest',
      `the server's weights of ${model.id} differ from the dispatcher's (${shorten(raw.weightsDigest)} against ${model.weightsDigest}): fetch the same weights on both`,
    );
  }
  checkMemory(raw.memoryBytes, model);
  const hosted =
    raw.hosted === undefined || raw.hosted.blockCount === 0
      ? undefined
      : checkHosted(raw.hosted, raw.memoryBytes, model);
  if (raw.isPinned && hosted === undefined) throw invalid('hosted', 'a pinned server must say which blocks it hosts');
  return {
    serverId: raw.serverId,
    modelId: raw.modelId,
    address: raw.address,
    protocol: raw.protocol,
    memoryBytes: raw.memoryBytes,
    speeds: checkSpeeds(raw.speeds),
    hosted,
    isPinned: raw.isPinned,
    labels: checkLabels(raw.labels),
    dtype: raw.dtype,
    weightsDigest: raw.weightsDigest,
    sessionToken: checkSessionToken(raw.sessionToken),
    certificate: raw.certificate === '' ? undefined : raw.certificate,
  };
}

function checkSessionToken(token: string): string | undefined {
  if (token === '') return undefined;
  if (!SESSION_TOKEN.test(token))
    throw invalid('session_token', 'must be 16 to 256 letters, digits or any of . _ ~ + / = -');
  return token;
}

/** @throws DispatcherError DSP_INVALID_ARGUMENT naming the field */
export function checkSpeeds(raw: RawSpeeds | undefined): DeclaredSpeeds {
  if (raw === undefined) throw invalid('performance', 'is missing: a server must say how fast it is');
  const decode = seconds('performance.decode_seconds_per_token_per_block', raw.decodeSecondsPerTokenPerBlock);
  const prefill = seconds('performance.prefill_seconds_per_token_per_block', raw.prefillSecondsPerTokenPerBlock);
  if (decode === 0 || prefill === 0)
    throw invalid('performance', 'seconds per token must be above 0: declare or measure the speed');
  const bandwidth = raw.bandwidthBytesPerSecond;
  if (bandwidth !== undefined && !(Number.isFinite(bandwidth) && bandwidth >= 1)) {
    throw invalid('performance.bandwidth_bytes_per_second', 'must be at least 1');
  }
  const slope = raw.concurrencySlope ?? 1;
  if (!(slope >= 0 && slope <= 1)) throw invalid('performance.concurrency_slope', 'must lie between 0 and 1');
  return {
    overheadSecondsPerBlock: seconds('performance.overhead_seconds_per_block', raw.overheadSecondsPerBlock),
    prefillSecondsPerTokenPerBlock: prefill,
    decodeSecondsPerTokenPerBlock: decode,
    rttSeconds: seconds('performance.rtt_seconds', raw.rttSeconds ?? DEFAULT_RTT_SECONDS),
    bandwidthBytesPerSecond: bandwidth,
    concurrencySlope: slope,
  };
}

function checkMemory(memoryBytes: number, model: ServedModelFacts): void {
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes <= 0 || memoryBytes > MAX_MEMORY_BYTES) {
    throw invalid('memory_bytes', `must be a whole number of bytes from 1 to ${MAX_MEMORY_BYTES}`);
  }
  const least = model.blockBytes + model.cacheBytesPerBlock;
  if (memoryBytes < least) {
    throw refused(
      'memory_bytes',
      `${memoryBytes} bytes hold not even one block of ${model.id} with one session's cache: give at least ${least} (--memory-bytes)`,
    );
  }
}

function checkHosted(hosted: Span, memoryBytes: number, model: ServedModelFacts): Span {
  const end = hosted.firstBlock + hosted.blockCount;
  if (!(Number.isSafeInteger(end) && hosted.firstBlock >= 0 && hosted.blockCount > 0 && end <= model.blockCount)) {
    throw refused(
      'hosted',
      `blocks ${hosted.firstBlock}..${end - 1} do not lie within ${model.id}, which has blocks 0..${model.blockCount - 1}`,
    );
  }
  if (hosted.blockCount * model.blockBytes > memoryBytes) {
    throw refused(
      'hosted',
      `${hosted.blockCount} blocks take ${hosted.blockCount * model.blockBytes} bytes, more than memory_bytes`,
    );
  }
  return hosted;
}

function checkLabels(labels: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const entries = Object.entries(labels);
  if (entries.length > MAX_LABELS) throw invalid('labels', `has ${entries.length} entries: ${MAX_LABELS} are allowed`);
  for (const [key, value] of entries) {
    if (key.length > MAX_LABEL_LENGTH || value.length > MAX_LABEL_LENGTH)
      throw invalid('labels', `keys and values have ${MAX_LABEL_LENGTH} characters at most`);
  }
  return new Map(entries);
}

function seconds(param: string, value: number): number {
  if (!(Number.isFinite(value) && value >= 0 && value <= MAX_SECONDS))
    throw invalid(param, `must be seconds from 0 to ${MAX_SECONDS}`);
  return value;
}

function invalid(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_INVALID_ARGUMENT', `${param}: ${problem}`, { param });
}

function refused(param: string, problem: string): DispatcherError {
  return new DispatcherError('DSP_JOIN_REFUSED', `${param}: ${problem}`, { param });
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
