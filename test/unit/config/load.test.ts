import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';
import { CONFIG_KEYS, type ConfigFlags } from '../../../src/config/config-keys.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { redacted } from '../../../src/config/redacted.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'daisychain-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;
function fileWith(text: string, extension = 'yaml'): string {
  fileCount += 1;
  const file = path.join(folder, `config-${fileCount}.${extension}`);
  writeFileSync(file, text);
  return file;
}

/** The message of the ConfigError that loading throws. */
function problem(input: {
  text?: string;
  extension?: string;
  env?: Record<string, string>;
  flags?: ConfigFlags;
}): string {
  const file = input.text === undefined ? undefined : fileWith(input.text, input.extension);
  try {
    loadConfig({ file, env: input.env ?? {}, flags: input.flags });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message.replaceAll(folder, '');
  }
  throw new Error('the configuration was accepted');
}

describe('loading the configuration', () => {
  it('has a default for every key that does not say otherwise', () => {
    const config = loadConfig({ env: {} });
    expect(config.http.port).toBe(8080);
    expect(config.grpc.port).toBe(50_051);
    expect(config.planner).toMatchObject({
      placement: 'gbp-cr-fill',
      objective: 'predicted',
      service_model: 'shared-compute',
      max_load: 0.7,
      arrival_rate_floor: 0.2,
    });
    expect(config.model.session_tokens).toBeUndefined();
    expect(config.model.cache_dir).toBe(path.join(homedir(), '.cache', 'daisychain'));
  });

  it('takes the keys of PETALS with a section of their own, in the file and in the environment', () => {
    const address = '/ip4/10.0.0.7/tcp/31337/p2p/QmXyAQSYVwR6rrWcgv9W6LVNYr1YZooG7gdWpMvrmr7NVG';
    const file = fileWith(`swarm:\n  petals:\n    bootstrap: ["${address}"]\n    dht_prefix: Llama-2-70b-hf\n`);
    const env = { DAISYCHAIN_SWARM__PETALS__PUSH: 'false' };
    expect(loadConfig({ file, env }).swarm).toMatchObject({
      petals_bootstrap: [address],
      petals_dht_prefix: 'Llama-2-70b-hf',
      petals_push: false,
    });
    expect(problem({ text: 'swarm:\n  petals:\n    boots: []\n' })).toContain('swarm.petals_boots');
    expect(problem({ env: { DAISYCHAIN_SWARM__PETALS_BOOTSTRAP: '10.0.0.7:31337' } })).toContain(
      'must be an address such as',
    );
  });

  it('lets the environment overrule the file, and flags the environment', () => {
    const file = fileWith('http: {port: 1001, max_body_bytes: 2048}\nplanner: {max_load: 0.5, reserved_slots: 3}\n');
    const env = { DAISYCHAIN_HTTP__PORT: '1002', DAISYCHAIN_PLANNER__MAX_LOAD: '0.6' };
    const config = loadConfig({ file, env, flags: { httpPort: '1003' } });
    expect(config.http).toMatchObject({ port: 1003, max_body_bytes: 2048 });
    expect(config.planner).toMatchObject({ max_load: 0.6, reserved_slots: 3, objective: 'predicted' });
  });

  it('knows the short names of the environment, which the long names overrule', () => {
    const env = {
      DAISYCHAIN_HTTP_PORT: '1',
      DAISYCHAIN_GRPC_PORT: '0',
      DAISYCHAIN_HOST: '127.0.0.2',
      DAISYCHAIN_GRPC__HOST: '127.0.0.3',
      DAISYCHAIN_LOG_LEVEL: 'debug',
      DAISYCHAIN_MODEL: 'smollm2-135m-instruct',
      DAISYCHAIN_OFFLINE: '1',
      DAISYCHAIN_CACHE_DIR: '/var/cache/weights',
    };
    const config = loadConfig({ env });
    expect(config.http).toMatchObject({ port: 1, host: '127.0.0.2' });
    expect(config.grpc).toMatchObject({ port: 0, host: '127.0.0.3' });
    expect(config.observability.log_level).toBe('debug');
    expect(config.model).toMatchObject({ id: 'smollm2-135m-instruct', offline: true, cache_dir: '/var/cache/weights' });
  });

  it('reads lists from the environment, separated by commas', () => {
    const tokens = ['first-secret-token', 'second-secret-token'];
    const config = loadConfig({ env: { DAISYCHAIN_SECURITY__JOIN_TOKENS: tokens.join(', ') } });
    expect(config.security.join_tokens).toEqual(tokens);
  });

  it('takes an empty variable, an empty section and an empty key as not set', () => {
    const file = fileWith('http:\nplanner:\n  max_load:\n');
    expect(loadConfig({ file, env: { DAISYCHAIN_HTTP_PORT: '' } })).toMatchObject({
      http: { port: 8080 },
      planner: { max_load: 0.7 },
    });
    expect(loadConfig({ file: fileWith(''), env: {} }).http.port).toBe(8080);
  });

  it('reads JSON as well as YAML', () => {
    expect(loadConfig({ file: fileWith('{"http": {"port": 9}}', 'json'), env: {} }).http.port).toBe(9);
  });

  it('is frozen at every level', () => {
    const config = loadConfig({ env: {} });
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.http) && Object.isFrozen(config.security.join_tokens),
    ).toBe(true);
  });

  it('ignores what does not start with DAISYCHAIN_ and the variables of other commands', () => {
    expect(loadConfig({ env: { PATH: '/bin', DAISYCHAIN_JOIN_TOKEN: 'of-the-agent' } }).http.port).toBe(8080);
  });
});

describe('a configuration that cannot be used', () => {
  it.each([
    ['an unknown key', { text: 'http: {prot: 1}' }, 'http.prot in /config-', 'did you mean http.port?'],
    [
      'a key in another unit',
      { text: 'swarm: {lease_ms: 15000}' },
      'swarm.lease_ms in',
      'did you mean swarm.lease_seconds?',
    ],
    [
      'a value with a unit',
      { text: 'swarm: {lease_seconds: 15s}' },
      'swarm.lease_seconds in',
      'must be a number of seconds, not "15s"',
    ],
    [
      'a fraction of a byte',
      { text: 'http: {max_body_bytes: 2048.5}' },
      'http.max_body_bytes in',
      'must be a whole number of bytes',
    ],
    [
      'a value below its range',
      { text: 'planner: {max_load: 0}' },
      'planner.max_load in',
      'must be at least 0.01, not 0',
    ],
    [
      'a value above its range',
      { env: { DAISYCHAIN_HTTP_PORT: '65536' } },
      'http.port in DAISYCHAIN_HTTP_PORT',
      'at most 65535',
    ],
    ['a value that is not a number', { text: 'planner: {max_load: .nan}' }, 'planner.max_load in', 'must be a number'],
    ['an infinite value', { text: 'swarm: {lease_seconds: .inf}' }, 'swarm.lease_seconds in', 'must be'],
    [
      'text for a number in a flag',
      { flags: { httpPort: '80 80' } },
      'http.port in --http-port',
      'must be a whole number, not "80 80"',
    ],
    ['a hexadecimal number', { flags: { httpPort: '0x50' } }, 'http.port in --http-port', 'must be a whole number'],
    [
      'a value outside a set',
      { text: 'planner: {objective: median}' },
      'planner.objective in',
      'must be lower or upper or surrogate or predicted, not "median"',
    ],
    [
      'neither true nor false',
      { env: { DAISYCHAIN_OFFLINE: 'maybe' } },
      'model.offline in DAISYCHAIN_OFFLINE',
      'must be true or false',
    ],
    [
      'a bad network',
      { text: 'swarm: {server_networks: [10.0.0.0/33]}' },
      'swarm.server_networks[0] in',
      'must be a network',
    ],
    ['an unknown section', { text: 'htttp: {port: 1}' }, 'htttp in', 'the sections are http, grpc, model'],
    ['a section that is a value', { text: 'http: 8080' }, 'http in', 'must be a section'],
    [
      'an unknown variable',
      { env: { DAISYCHAIN_PLANER__MAX_LOAD: '0.5' } },
      'DAISYCHAIN_PLANER__MAX_LOAD',
      'did you mean DAISYCHAIN_PLANNER__MAX_LOAD?',
    ],
    [
      'a variable with one underscore',
      { env: { DAISYCHAIN_PLANNER_MAX_LOAD: '1' } },
      'DAISYCHAIN_PLANNER_MAX_LOAD:',
      'did you mean DAISYCHAIN_PLANNER__MAX_LOAD?',
    ],
    [
      'a lease shorter than two heartbeats',
      { text: 'swarm: {lease_seconds: 9}' },
      'swarm.lease_seconds',
      'at least twice',
    ],
    [
      'an open door to other machines',
      { flags: { host: '0.0.0.0' } },
      'grpc.host',
      'set security.join_tokens, or security.allow_open',
    ],
    ['one port for both fronts', { flags: { httpPort: '50051' } }, 'grpc.port', 'must differ from http.port'],
    ['a broken file', { text: 'http: {port: 1' }, '--config', 'line 1'],
    ['a key given twice', { text: 'http:\n  port: 1\n  port: 2\n' }, '--config', 'unique'],
    ['a file that is a list', { text: '- 1' }, '--config', 'must hold sections'],
    ['a file of another kind', { text: '', extension: 'toml' }, '--config', 'must be a .yaml, .yml or .json file'],
    ['a name of the prototype', { text: '__proto__: {port: 1}' }, '__proto__', 'no such section'],
    ['a key of the prototype', { text: 'http: {constructor: 1}' }, 'http.constructor', 'no such key'],
  ])('is refused with the path and the remedy: %s', (_, input, place, remedy) => {
    const message = problem(input);
    expect(message).toContain(place);
    expect(message).toContain(remedy);
  });

  it('names a file that is absent', () => {
    expect(() => loadConfig({ file: path.join(folder, 'absent.yaml'), env: {} })).toThrow(
      /absent\.yaml: there is no such file/,
    );
  });

  it('is told with all its problems at once', () => {
    const message = problem({ text: 'http: {prot: 1, port: x}', env: { DAISYCHAIN_WHAT: '1' } });
    expect(message.split('; ').length).toBeGreaterThanOrEqual(3);
    expect(message).toContain('http.prot');
    expect(message).toContain('http.port');
    expect(message).toContain('DAISYCHAIN_WHAT');
  });

  it('never repeats a secret', () => {
    expect(problem({ text: 'security: {join_tokens: [shortsecret]}' })).not.toContain('shortsecret');
  });
});

describe('the configuration for the log', () => {
  it('shows how many secrets there are and none of them', () => {
    const env = { DAISYCHAIN_SECURITY__JOIN_TOKENS: 'first-secret-token,second-secret-token' };
    const view = redacted(loadConfig({ env }));
    expect(view['security']).toMatchObject({ join_tokens: ['[redacted]', '[redacted]'], allow_open: false });
    expect(JSON.stringify(view)).not.toContain('secret-token');
    expect(view['http']).toMatchObject({ port: 8080 });
  });

  it('hides every key that holds tokens or keys', () => {
    const secretive = [...CONFIG_KEYS.values()].filter(({ path: keyPath }) =>
      /(^|[._])(join_tokens|api_keys|secret|password)/.test(keyPath),
    );
    expect(secretive.length).toBeGreaterThanOrEqual(2);
    expect(secretive.filter(({ isSecret }) => !isSecret)).toEqual([]);
  });
});

describe('config/default.yaml', () => {
  const file = fileURLToPath(new URL('../../../config/default.yaml', import.meta.url));

  it('loads and changes nothing', () => {
    expect(loadConfig({ file, env: {} })).toEqual(loadConfig({ env: {} }));
  });
});
