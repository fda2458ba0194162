import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { parseSwarmFile } from '../../../src/config/swarm-file.ts';

type Fields = Record<string, unknown>;

const model: Fields = { id: 'm', block_count: 3, block_bytes: 10, cache_bytes_per_block: 1 };
const timed: Fields = { id: 'a', memory_bytes: 100, communication_seconds: 1, computation_seconds_per_block: 0.5 };
const swarm: Fields = { model, arrival_rate_per_second: 0.2, max_load: 0.6, servers: [timed] };
const speedy: Fields = {
  id: 'b',
  memory_bytes: 100,
  rtt_seconds: 0.02,
  overhead_seconds: 0.018,
  prefill_seconds_per_token_per_block: 0.00004,
};

function parse(document: unknown) {
  return parseSwarmFile(typeof document === 'string' ? document : JSON.stringify(document), 'swarm.json');
}

function problem(document: unknown): string {
  try {
    parse(document);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return 'no problem';
}

const withModel = (fields: Fields): Fields => ({ ...swarm, model: { ...model, ...fields } });
const withServer = (fields: Fields): Fields => ({ ...swarm, servers: [{ ...timed, ...fields }] });

describe('a swarm file', () => {
  it('gives the planner its input, in JSON and in YAML', () => {
    const parsed = parse(swarm);
    expect(parsed).toMatchObject({
      model: { id: 'm', blockCount: 3, blockBytes: 10, cacheBytesPerBlock: 1 },
      arrivalRatePerSecond: 0.2,
      maxLoad: 0.6,
      servers: [{ id: 'a', memoryBytes: 100, communicationSeconds: 1, computationSecondsPerBlock: 0.5 }],
    });
    const yaml = `
model: { id: m, block_count: 3, block_bytes: 10, cache_bytes_per_block: 1 }
arrival_rate_per_second: 0.2
max_load: 0.6
servers:
  - id: a
    memory_bytes: 100
    communication_seconds: 1
    computation_seconds_per_block: 0.5
`;
    expect(parse(yaml)).toEqual(parsed);
  });

  it('takes a load of 0.7 where none is given, and leaves the rate to the command line', () => {
    const { max_load, arrival_rate_per_second, ...rest } = swarm;
    expect(parse(rest)).toMatchObject({ maxLoad: 0.7, arrivalRatePerSecond: undefined });
    expect([max_load, arrival_rate_per_second]).toEqual([0.6, 0.2]);
  });

  it('derives the cache of a session from its tokens', () => {
    const perToken = {
      cache_bytes_per_block: undefined,
      cache_bytes_per_token_per_block: 57_344,
      session_tokens: 2048,
    };
    const parsed = parse(withModel(perToken));
    expect(parsed.model.cacheBytesPerBlock).toBe(57_344 * 2048);
    expect(parsed.sessionTokens).toBe(2048);
  });

  it('derives service times from speeds and a workload', () => {
    const parsed = parse({ ...swarm, servers: [speedy], workload: { input_tokens: 2000, output_tokens: 20 } });
    expect(parsed.servers[0]?.communicationSeconds).toBeCloseTo(20 * 0.038, 12);
    expect(parsed.servers[0]?.computationSecondsPerBlock).toBeCloseTo(0.08, 12);
    expect(parsed.speeds.get('b')?.concurrencySlope).toBe(1);
  });

  it('keeps pinned spans', () => {
    const parsed = parse(withServer({ pinned_span: { first_block: 1, block_count: 2 } }));
    expect(parsed.pinnedSpans.get('a')).toEqual({ firstBlock: 1, blockCount: 2 });
  });

  it('accepts a block larger than every server: that is for the planner to answer', () => {
    expect(parse(withModel({ block_bytes: 10_000 })).model.blockBytes).toBe(10_000);
  });
});

describe('a mistake in a swarm file', () => {
  it.each<[string, unknown, RegExp]>([
    ['nothing', ' \n', /swarm\.json: is empty/],
    ['no document', 'a: [1', /neither YAML nor JSON: .* at line 1/],
    ['broken JSON', '{"model": ', /neither YAML nor JSON: .* at line 1/],
    ['a plain value', '5', /the document: must be a mapping/],
    ['no model', { servers: [timed] }, /model: missing/],
    ['no servers', { model }, /servers: missing/],
    ['an empty list', { ...swarm, servers: [] }, /servers: must have at least one server/],
    ['an unknown key', { ...swarm, rate: 1 }, /rate: unknown key/],
    ['an unknown key of a server', withServer({ memory_gb: 3 }), /servers\[0\]\.memory_gb: unknown key/],
    ['a number as text', { ...swarm, arrival_rate_per_second: '2' }, /arrival_rate_per_second: must be .*, not "2"/],
    ['a load above 1', { ...swarm, max_load: 1.5 }, /max_load: must be at most 1, not 1\.5/],
    ['an infinite rate', 'arrival_rate_per_second: .inf', /arrival_rate_per_second: must be a finite number.*Infinity/],
    ['half a block', withModel({ block_count: 2.5 }), /model\.block_count: must be a whole number of blocks, not 2\.5/],
    ['no blocks', withModel({ block_count: 0 }), /model\.block_count: must be at least 1, not 0/],
    ['too many blocks', withModel({ block_count: 1e9 }), /model\.block_count: must be at most 4096/],
    [
      'no cache size',
      withModel({ cache_bytes_per_block: undefined }),
      /model\.cache_bytes_per_block: missing; give it, or/,
    ],
    [
      'two cache sizes',
      withModel({ cache_bytes_per_token_per_block: 5 }),
      /cache_bytes_per_token_per_block: contradicts/,
    ],
    [
      'a cache per token alone',
      withModel({ cache_bytes_per_block: undefined, cache_bytes_per_token_per_block: 5 }),
      /model\.session_tokens: missing/,
    ],
    [
      'a cache beyond counting',
      withModel({ cache_bytes_per_block: undefined, cache_bytes_per_token_per_block: 2 ** 52, session_tokens: 9999 }),
      /model\.session_tokens: .*beyond 2\^53 bytes/,
    ],
    [
      'fractional bytes',
      withServer({ memory_bytes: 1.5 }),
      /servers\[0\]\.memory_bytes: must be a whole number of bytes/,
    ],
    ['bytes beyond counting', withServer({ memory_bytes: 1e17 }), /servers\[0\]\.memory_bytes: .*2\^53/],
    [
      'negative seconds',
      withServer({ communication_seconds: -1 }),
      /communication_seconds: must not be negative, not -1/,
    ],
    [
      'no time at all',
      withServer({ computation_seconds_per_block: 0 }),
      /computation_seconds_per_block: must be at least/,
    ],
    ['half the service times', withServer({ communication_seconds: undefined }), /communication_seconds: missing/],
    ['times and speeds', withServer({ rtt_seconds: 1 }), /servers\[0\]\.rtt_seconds: contradicts the service times/],
    ['neither times nor speeds', { ...swarm, servers: [{ id: 'a', memory_bytes: 1 }] }, /or speeds \(rtt_seconds/],
    ['speeds without a workload', { ...swarm, servers: [timed, speedy] }, /workload: missing, and servers\[1\]/],
    [
      'a bandwidth without a hidden size',
      {
        ...swarm,
        servers: [{ ...speedy, bandwidth_bytes_per_second: 1e9 }],
        workload: { input_tokens: 1, output_tokens: 1 },
      },
      /model\.hidden_bytes_per_token: missing/,
    ],
    [
      'speeds that take no time',
      {
        ...swarm,
        servers: [{ id: 'b', memory_bytes: 1, rtt_seconds: 1 }],
        workload: { input_tokens: 1, output_tokens: 1 },
      },
      /servers\[0\]: its speeds make a block of one request take no time/,
    ],
    ['an id with a space', withServer({ id: 'a b' }), /servers\[0\]\.id: must be 1 to 128 printable/],
    ['an id twice', { ...swarm, servers: [timed, timed] }, /servers\[1\]\.id: "a" is the id of servers\[0\] too/],
    [
      'a pinned span beyond the model',
      withServer({ pinned_span: { first_block: 2, block_count: 2 } }),
      /servers\[0\]\.pinned_span: must end within the model's 3 blocks/,
    ],
    [
      'more servers and blocks than a plan takes',
      {
        ...withModel({ block_count: 4096 }),
        servers: Array.from({ length: 245 }, (_, j) => ({ ...timed, id: `s${j}` })),
      },
      /servers: 245 servers times 4096 blocks are more than the planner takes/,
    ],
    ['an alias to nothing', 'model: *m', /swarm\.json: Unresolved alias/],
  ])('is named with its path: %s', (_, document, expected) => {
    const message = problem(document);
    expect(message).toMatch(expected);
    expect(message.startsWith('swarm.json: ')).toBe(true);
    expect(message).not.toContain('\n');
  });

  it('is refused when aliases blow the document up', () => {
    const levels = Array.from({ length: 12 }, (_, k) => `a${k}: &a${k} [${`*a${k - 1},`.repeat(9)}]`);
    expect(problem(['x: &a-1 [1,1,1,1,1,1,1,1,1]', ...levels].join('\n'))).toMatch(/alias/i);
  });

  it('is cut to the first five of many', () => {
    expect(problem({ ...swarm, servers: Array.from({ length: 20 }, () => ({ id: '' })) })).toMatch(/and \d+ more$/);
  });
});
