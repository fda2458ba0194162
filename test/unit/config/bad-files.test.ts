import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { parseScenarioFile } from '../../../src/config/scenario-file.ts';
import { parseSwarmFile } from '../../../src/config/swarm-file.ts';

type Fields = Readonly<Record<string, unknown>>;

const MODEL = { id: 'm', block_count: 4, block_bytes: 10, cache_bytes_per_block: 1 };
const SERVER = { id: 'a', memory_bytes: 100, communication_seconds: 1, computation_seconds_per_block: 0.1 };
const SPEEDY = { id: 'b', memory_bytes: 100, rtt_seconds: 0.1, prefill_seconds_per_token_per_block: 0.001 };
const WORKLOAD = { input_tokens: 10, output_tokens: 2 };

const swarm = (fields: Fields): string =>
  JSON.stringify({ model: MODEL, arrival_rate_per_second: 0.1, max_load: 0.7, servers: [SERVER], ...fields });
const model = (fields: Fields): string => swarm({ model: { ...MODEL, ...fields } });
const server = (fields: Fields): string => swarm({ servers: [SERVER, { ...SERVER, id: 'c', ...fields }] });
const scenario = (workload: unknown, contestants: unknown = [{ name: 'x' }]): string =>
  swarm({ workload, contestants });
const contestant = (fields: Fields): string => scenario({ kind: 'poisson' }, [{ name: 'x', ...fields }]);

const BAD_SWARMS: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'is empty'],
  ['half a document', '{"model": ', 'neither YAML nor JSON'],
  ['a tab in YAML', 'model:\n\t- x', 'neither YAML nor JSON'],
  ['a list', '[]', 'the document'],
  ['a number', '7', 'the document'],
  ['a bomb of aliases', `a: &a [x]\n${bomb()}`, 'Excessive alias count'],
  ['no model', swarm({ model: undefined }), 'model'],
  ['a model that is a text', swarm({ model: 'bloom' }), 'model: must be a mapping'],
  ['an unknown key', swarm({ colour: 'red' }), 'colour: unknown key'],
  ['an unknown key of a server', server({ gpu: 'H100' }), 'servers[1].gpu: unknown key'],
  ['no blocks', model({ block_count: 0 }), 'model.block_count: must be at least 1'],
  ['half a block', model({ block_count: 2.5 }), 'model.block_count: must be a whole number'],
  ['a million blocks', model({ block_count: 1e6 }), 'model.block_count: must be at most 4096'],
  ['bytes as a text', model({ block_bytes: '10 GB' }), 'model.block_bytes: must be a whole number of bytes'],
  ['no cache size', model({ cache_bytes_per_block: undefined }), 'model.cache_bytes_per_block: missing'],
  ['two cache sizes', model({ cache_bytes_per_token_per_block: 1 }), 'contradicts cache_bytes_per_block'],
  ['no servers', swarm({ servers: [] }), 'servers: must'],
  ['servers that are a mapping', swarm({ servers: { a: 1 } }), 'servers: must be a list'],
  ['a server that is null', swarm({ servers: [null] }), 'servers[0]: must be a mapping'],
  ['no memory', server({ memory_bytes: undefined }), 'servers[1].memory_bytes: missing'],
  ['negative memory', server({ memory_bytes: -1 }), 'servers[1].memory_bytes: must be at least 1 byte'],
  ['more memory than can be counted', server({ memory_bytes: 1e300 }), 'servers[1].memory_bytes'],
  ['an id twice', server({ id: 'a' }), 'servers[1].id: "a" is the id of servers[0] too'],
  ['an id with a space', server({ id: 'a b' }), 'servers[1].id: must be 1 to 128 printable'],
  ['a negative time', server({ communication_seconds: -1 }), 'servers[1].communication_seconds: must not be negative'],
  ['half of the service times', server({ computation_seconds_per_block: undefined }), 'servers[1].computation_seconds'],
  ['times and speeds', server({ rtt_seconds: 1 }), 'servers[1].rtt_seconds: contradicts'],
  ['speeds without a workload', swarm({ servers: [SPEEDY] }), 'workload: missing'],
  [
    'a server that takes no time',
    swarm({ servers: [{ id: 'z', memory_bytes: 9, rtt_seconds: 1 }], workload: WORKLOAD }),
    'servers[0]: its speeds',
  ],
  [
    'a span beyond the model',
    server({ pinned_span: { first_block: 3, block_count: 2 } }),
    'servers[1].pinned_span: must end within',
  ],
  ['a cost below zero', server({ cost_per_hour: -1 }), 'servers[1].cost_per_hour: must not be negative'],
  ['a cost in words', server({ cost_per_hour: '2 EUR' }), 'servers[1].cost_per_hour: must be a number'],
  ['a rate of zero', swarm({ arrival_rate_per_second: 0 }), 'arrival_rate_per_second: must'],
  ['a load above one', swarm({ max_load: 1.2 }), 'max_load: must be at most 1'],
];

const BAD_SCENARIOS: readonly (readonly [string, string, string])[] = [
  ['no workload', scenario(undefined), 'workload: missing'],
  ['an unknown kind', scenario({ kind: 'steady' }), 'workload.kind: must be one of poisson, bursty, trace'],
  ['a trace without a file', scenario({ kind: 'trace' }), 'workload.trace: missing'],
  [
    'bursts all the time',
    scenario({ kind: 'bursty', burst_factor: 5, burst_share: 0.5 }),
    'workload.burst_share: times',
  ],
  ['no jobs', scenario({ kind: 'poisson', jobs: 0 }), 'workload.jobs: must be at least 1'],
  ['a seed that is not whole', scenario({ kind: 'poisson', seed: 0.5 }), 'workload.seed: must be a whole number'],
  ['no contestants', scenario({ kind: 'poisson' }, []), 'contestants: must have at least one'],
  [
    'contestants with one name',
    scenario({ kind: 'poisson' }, [{ name: 'x' }, { name: 'x' }]),
    'contestants[1].name: "x" is contestants[0]\'s too',
  ],
  ['an unknown policy', contestant({ policy: 'random' }), 'contestants[0].policy: must be one of'],
  [
    'shared compute without speeds',
    contestant({ service_model: 'shared-compute' }),
    'contestants[0].service_model: shared-compute needs speeds',
  ],
  ['tokens without tokens', contestant({ cache: 'tokens' }), 'contestants[0].cache: tokens needs'],
];

describe('a swarm file is refused in one line that names the field', () => {
  it.each(BAD_SWARMS)('for %s', (_, text, told) => {
    expectRefusal(() => parseSwarmFile(text, 'file'), told);
  });
});

describe('a scenario file is refused in one line that names the field', () => {
  it.each(BAD_SCENARIOS)('for %s', (_, text, told) => {
    expectRefusal(() => parseScenarioFile(text, 'file'), told);
  });
});

it('refuses a hundred thousand servers within seconds', () => {
  const servers = Array.from({ length: 100_000 }, (_, j) => ({ ...SERVER, id: `s${j}` }));
  expectRefusal(() => parseSwarmFile(swarm({ servers }), 'file'), 'servers: must have at most 10000 servers');
});

function expectRefusal(parse: () => unknown, told: string): void {
  let message = 'nothing was refused';
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    message = (error as Error).message;
  }
  expect(message).toContain(told);
  expect(message).toMatch(/^file: [^\n]{1,600}$/);
}

/** Aliases of aliases: small to read, huge to expand. */
function bomb(): string {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  return names
    .slice(1)
    .map((name, at) => `${name}: &${name} [${Array.from({ length: 10 }, () => `*${names[at]}`).join(', ')}]`)
    .join('\n');
}
