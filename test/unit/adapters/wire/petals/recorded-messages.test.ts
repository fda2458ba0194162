import { describe, expect, it } from 'vitest';
import { readServerRecord } from '../../../../../src/adapters/petals-discovery/server-record.ts';
import { DictionaryValue, decodeMsgpack } from '../../../../../src/adapters/wire/petals/decode-msgpack.ts';
import { decodePetals } from '../../../../../src/adapters/wire/petals/messages.ts';
import { codeOfServerError } from '../../../../../src/adapters/wire/petals/server-error.ts';
import { decodeHidden } from '../../../../../src/adapters/wire/petals/tensor-codec.ts';
import { callBody, RECORDED, streamFrames } from '../../../../support/recorded-petals.ts';

describe('messages that a real PETALS server sent', () => {
  it('reads what it says of itself', () => {
    const { answer } = decodePetals('petals.unary_call.Response', callBody('info'));
    const info = decodeMsgpack(decodePetals('petals.expert.ExpertInfo', answer?.message as Buffer).serializedInfo);
    expect(info).toBeInstanceOf(Map);
    expect((info as Map<string, unknown>).get('version')).toBe('2.2.0.post1');
    expect((info as Map<string, unknown>).get('cache_tokens_available')).toBe(1_200);
  });

  it('reads its record in the hash table, and that a key has none', () => {
    const { answer } = decodePetals('petals.unary_call.Response', callBody('find'));
    const { results } = decodePetals('petals.dht.FindResponse', answer?.message as Buffer);
    expect(results.map(({ type }) => type)).toEqual([2, 0]);
    const dictionary = decodeMsgpack(results[0]?.value as Buffer);
    expect(dictionary).toBeInstanceOf(DictionaryValue);
    const [entry] = (dictionary as DictionaryValue).entries;
    expect(readServerRecord(entry, 0, 6)).toMatchObject({
      peerId: RECORDED.peerId,
      state: 'online',
      span: { firstBlock: 0, blockCount: 6 },
      dtype: 'float32',
      quantization: 'none',
      version: '2.2.0.post1',
      inferenceRps: undefined,
      isBehindRelay: false,
    });
    // The same record under a block that its span does not hold is forged.
    expect(readServerRecord(entry, 6, 7)).toBeUndefined();
    expect(readServerRecord(entry, 0, 5)).toBeUndefined();
  });

  it('reads the answers of a session: an opening without rows, then a row for each of the step', () => {
    const frames = streamFrames('session');
    expect(frames.map(({ marker }) => marker)).toEqual([0, 0]);
    const hidden = frames.map(({ body }) =>
      decodeHidden(decodePetals('petals.expert.ExpertResponse', body).tensors[0], 192),
    );
    expect(hidden[0]).toMatchObject({ kind: 'hidden', rows: 0 });
    expect(hidden[1]).toMatchObject({ kind: 'hidden', rows: 2 });
    const values = hidden[1]?.kind === 'hidden' ? hidden[1].hidden : new Float32Array(0);
    expect(values).toHaveLength(2 * 192);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it.each([
    ['notServed', 'DSP_SPAN_NOT_HOSTED'],
    ['tooLong', 'DSP_CONTEXT_TOO_LONG'],
    ['beyondReserved', 'DSP_CONTEXT_TOO_LONG'],
    ['cacheFull', 'DSP_CACHE_FULL'],
  ] as const)('gives the error %s the code %s', (name, code) => {
    const last = streamFrames(name).at(-1);
    expect(last?.marker).toBe(1);
    expect(codeOfServerError(decodePetals('petals.unary_call.StreamError', last?.body as Buffer).message)).toBe(code);
  });

  it('gives a call about a block of another server the code DSP_SPAN_NOT_HOSTED', () => {
    const { answer } = decodePetals('petals.unary_call.Response', callBody('infoOfOtherBlock'));
    expect(answer?.result).toBe('error');
    expect(codeOfServerError(String(answer?.error))).toBe('DSP_SPAN_NOT_HOSTED');
  });

  it('takes any other error for a fault', () => {
    expect(codeOfServerError("RuntimeError('mat1 and mat2 shapes cannot be multiplied (1x4 and 192x192)')")).toBe(
      'DSP_BAD_OUTPUT',
    );
  });
});
