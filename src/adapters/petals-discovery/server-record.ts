import type { Span } from '../../domain/model/span.ts';
import { DispatcherError } from '../../domain/shared/errors.ts';
import { decodeMsgpack } from '../wire/petals/decode-msgpack.ts';

/** What one server wrote under one block's key. */
export interface ServerRecord {
  readonly peerId: string;
  readonly state: 'offline' | 'joining' | 'online';
  readonly span: Span;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Tokens per second and block, one at a time; undefined where the server did not measure itself. */
  readonly inferenceRps: number | undefined;
  /** Tokens per second and block, many at a time. */
  readonly forwardRps: number | undefined;
  readonly dtype: string;
  readonly quantization: string;
  readonly version: string;
  readonly isBehindRelay: boolean;
}

const STATES = ['offline', 'joining', 'online'] as const;
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{20,62}$/;
const MAX_TEXT_LENGTH = 64;
const MAX_RATE = 1e9;

/**
 * Reads one entry of a block's dictionary, `[peer id, value, expiration]`.
 * @param block the block whose key it stands under: a span that does not hold it is forged or a mistake
 * @param blockCount of the model
 * @returns undefined for anything that is not a plausible record: strangers write here
 */
export function readServerRecord(entry: unknown, block: number, blockCount: number): ServerRecord | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [peerId, value, expiresAt] = entry as unknown[];
  if (typeof peerId !== 'string' || !PEER_ID.test(peerId)) return undefined;
  if (!(value instanceof Uint8Array) || typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) return undefined;
  const info = announcementOf(value);
  const state = STATES[info?.state as number];
  if (info === undefined || state === undefined) return undefined;
  const firstBlock = info.fields.get('start_block');
  const endBlock = info.fields.get('end_block');
  if (!isInteger(firstBlock) || !isInteger(endBlock)) return undefined;
  if (firstBlock < 0 || endBlock > blockCount || block < firstBlock || block >= endBlock) return undefined;
  return {
    peerId,
    state,
    span: { firstBlock, blockCount: endBlock - firstBlock },
    expiresAt,
    inferenceRps: rateOf(info.fields.get('inference_rps')),
    forwardRps: rateOf(info.fields.get('forward_rps')),
    dtype: textOf(info.fields.get('torch_dtype')),
    quantization: textOf(info.fields.get('quant_type')),
    version: textOf(info.fields.get('version')),
    isBehindRelay: info.fields.get('using_relay') === true,
  };
}

/**
 * Which of two records of one server counts: the higher state, because records of blocks it has left
 * stay until they expire; then the newer one.
 */
export function isBetterRecord(candidate: ServerRecord, known: ServerRecord): boolean {
  const rank = STATES.indexOf(candidate.state) - STATES.indexOf(known.state);
  return rank !== 0 ? rank > 0 : candidate.expiresAt > known.expiresAt;
}

/** `(state, throughput, fields)` */
function announcementOf(bytes: Uint8Array): { state: unknown; fields: ReadonlyMap<unknown, unknown> } | undefined {
  try {
    const value = decodeMsgpack(bytes);
    if (!Array.isArray(value) || !(value[2] instanceof Map)) return undefined;
    return { state: value[0], fields: value[2] };
  } catch (error) {
    if (error instanceof DispatcherError) return undefined;
    throw error;
  }
}

function rateOf(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < MAX_RATE ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' && /^[\x20-\x7e]*$/.test(value) ? value.slice(0, MAX_TEXT_LENGTH) : '';
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
