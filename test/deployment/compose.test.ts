import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { problemOfCommandLine } from '../support/command-flags.ts';
import { filledIn } from '../support/compose-file.ts';
import { environmentOf, readDockerfile, type Stage } from '../support/dockerfile.ts';

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, unknown>>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const readYaml = (file: string): unknown => parse(readFileSync(path.join(ROOT, file), 'utf8'), { merge: true });
const compose = readYaml('docker-compose.yml') as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image === 'daisychain');
const imageEnvironment = environmentOf(readDockerfile(path.join(ROOT, 'Dockerfile')).at(-1) as Stage);
/** Ports that the images of others listen on. */
const PORTS_OF_OTHERS: Readonly<Record<string, number>> = { prometheus: 9090, grafana: 3000 };

const configOf = (service: Service) => loadConfig({ env: { ...imageEnvironment, ...filledIn(service.environment) } });
const dispatcher = compose.services['dispatcher'] as Service;

function portsOf(name: string): number[] {
  const other = PORTS_OF_OTHERS[name];
  if (other !== undefined) return [other];
  const { http, grpc } = configOf(compose.services[name] as Service);
  return [http.port, grpc.port];
}

/** `name:port` must be a service and a port that it listens on. */
function expectReachable(address: string): void {
  const [name = '', port = ''] = address.split(':');
  expect(Object.keys(compose.services), address).toContain(name);
  expect(portsOf(name), address).toContain(Number(port));
}

describe('docker-compose.yml', () => {
  it('runs a dispatcher and four block servers of one image', () => {
    expect(ours.map(([name]) => name)).toEqual(
      ['dispatcher', 1, 2, 3, 4].map((n) => (typeof n === 'number' ? `block-server-${n}` : n)),
    );
    expect(ours.filter(([, { build }]) => build !== undefined).map(([name]) => name)).toEqual(['dispatcher']);
  });

  it.each(ours)('gives %s a command line that the product takes', async (_, service) => {
    expect(await problemOfCommandLine(service.command ?? [])).toBe('');
  });

  it('lets each block server join the dispatcher under a name of its own', () => {
    const agents = ours.filter(([, { command }]) => command?.[0] === 'agent');
    const flag = (service: Service, name: string): string => service.command?.[service.command.indexOf(name) + 1] ?? '';
    for (const [name, service] of agents) {
      expect(flag(service, '--server-id')).toBe(name);
      expectReachable(flag(service, '--dispatcher'));
      expect(flag(service, '--model')).toBe(flag(dispatcher, '--model'));
    }
  });

  it('configures the dispatcher with what it knows, and publishes no port where strangers could join', () => {
    const config = configOf(dispatcher);
    expect(config.security.allow_open).toBe(false);
    const { api_keys, admin_keys, join_tokens } = config.security;
    expect(new Set([...api_keys, ...admin_keys, ...join_tokens]).size).toBe(3);
    for (const [name, service] of ours.filter(([name]) => name !== 'dispatcher'))
      expect(filledIn(service.environment)['DAISYCHAIN_JOIN_TOKEN'], name).toBe(join_tokens[0]);
    expect(dispatcher.ports?.join()).not.toContain(String(config.grpc.port));
  });

  it('publishes on this machine only, and ports that the services listen on', () => {
    for (const [name, { ports = [] }] of services) {
      for (const published of ports) {
        expect(published).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
        expect(portsOf(name)).toContain(Number(published.split(':')[2]));
      }
    }
  });

  it('mounts files that exist, and volumes that it declares', () => {
    for (const mount of services.flatMap(([, { volumes = [] }]) => volumes)) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('./')) expect(existsSync(path.join(ROOT, source)), source).toBe(true);
      else expect(compose.volumes).toHaveProperty([source]);
    }
  });

  it('depends on services that exist', () => {
    for (const [, { depends_on = [] }] of services) {
      for (const name of Array.isArray(depends_on) ? depends_on : Object.keys(depends_on))
        expect(compose.services).toHaveProperty([name]);
    }
  });

  it('keeps fetched weights where the image looks for them', () => {
    expect(dispatcher.volumes).toContain(`weights:${imageEnvironment['DAISYCHAIN_CACHE_DIR']}`);
  });
});

describe('the monitoring', () => {
  it('scrapes the dispatcher where it serves metrics', () => {
    const { scrape_configs } = readYaml('config/prometheus.yml') as {
      scrape_configs: { metrics_path: string; static_configs: { targets: string[] }[] }[];
    };
    const targets = scrape_configs.flatMap(({ static_configs }) => static_configs.flatMap((entry) => entry.targets));
    expect(targets).toHaveLength(1);
    for (const target of targets) {
      expectReachable(target);
      expect(Number(target.split(':')[1])).toBe(configOf(dispatcher).http.port);
    }
    expect(scrape_configs.map(({ metrics_path }) => metrics_path)).toEqual(['/metrics']);
  });

  it('hands Grafana its data source, and dashboards where they are mounted', () => {
    const { datasources } = readYaml('config/grafana/provisioning/datasources/prometheus.yml') as {
      datasources: { uid: string; url: string }[];
    };
    for (const { url } of datasources) expectReachable(url.replace('http://', ''));
    const { providers } = readYaml('config/grafana/provisioning/dashboards/daisychain.yml') as {
      providers: { options: { path: string } }[];
    };
    const grafana = compose.services['grafana'] as Service;
    for (const { options } of providers) {
      expect(grafana.volumes).toContain(`./config/grafana/dashboards:${options.path}:ro`);
      expect(grafana.environment?.['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(
        `${options.path}/daisychain.json`,
      );
    }
    expect(grafana.volumes).toContain('./config/grafana/provisioning:/etc/grafana/provisioning:ro');
  });
});
