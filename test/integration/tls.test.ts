import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGrpcSwarmRegistry, type RegistryTls } from '../../src/adapters/registry-client/swarm-registry-client.ts';
import type { RegistrationEnd } from '../../src/application/ports/swarm-registry.ts';
import { dispatcherClient } from '../support/registering-client.ts';
import { SwarmHarness } from '../support/swarm-harness.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/tls', import.meta.url));
const pem = (name: string): Buffer => readFileSync(path.join(FIXTURES, `${name}.pem`));
const identity = (name: string) => ({ cert: pem(name), key: pem(`${name}-key`) });

const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-tls-'));
const certFile = path.join(folder, 'cert.pem');
const keyFile = path.join(folder, 'key.pem');
const keysFile = path.join(folder, 'keys.json');

function install(certificate: string): void {
  copyFileSync(path.join(FIXTURES, `${certificate}.pem`), certFile);
  copyFileSync(path.join(FIXTURES, `${certificate}-key.pem`), keyFile);
}

function allow(...keys: string[]): void {
  writeFileSync(keysFile, JSON.stringify({ keys: keys.map((key) => ({ key, tenant: 'acme' })) }));
}

describe('a dispatcher with certificates', () => {
  let swarm: SwarmHarness;
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: pem('authority') });

  beforeAll(async () => {
    install('dispatcher');
    allow('first-key-of-acme');
    swarm = await SwarmHarness.start({
      'http.tls_cert_file': certFile,
      'http.tls_key_file': keyFile,
      'grpc.tls_cert_file': certFile,
      'grpc.tls_key_file': keyFile,
      'grpc.client_ca_file': path.join(FIXTURES, 'authority.pem'),
      'security.keys_file': keysFile,
    });
  });
  afterAll(async () => {
    agent.destroy();
    await swarm.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const ask = (key: string, options: object = { agent }): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const call = request(`${swarm.dispatcher.httpUrl}/v1/models`, {
        ...options,
        headers: { authorization: `Bearer ${key}` },
      });
      call.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      });
      call.on('error', reject);
      call.end();
    });

  /** Whose certificate a port shows to a new connection. */
  const shown = (address: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(address.includes('//') ? address : `https://${address}`);
      const socket: TLSSocket = connect(
        {
          host: hostname,
          port: Number(port),
          ca: pem('authority'),
          ALPNProtocols: ['h2', 'http/1.1'],
          ...identity('server'),
        },
        () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.end();
        },
      );
      socket.on('error', reject);
    });

  const join = (tls: RegistryTls | undefined): Promise<'welcomed' | RegistrationEnd> =>
    new Promise((resolve) => {
      const registration = createGrpcSwarmRegistry(tls).join(
        swarm.dispatcher.grpcAddress,
        {
          serverId: 'tls',
          modelId: 'tiny-austen',
          address: '127.0.0.1:9',
          memoryBytes: 20_000_000,
          speed: {
            overheadSecondsPerBlock: 0.001,
            prefillSecondsPerTokenPerBlock: 0.001,
            decodeSecondsPerTokenPerBlock: 0.001,
            rttSeconds: 0.001,
          },
          hosted: undefined,
          labels: {},
          joinToken: '',
          dtype: 'float32',
          weightsDigest: '',
        },
        {
          welcomed: () => {
            resolve('welcomed');
            registration.close();
          },
          ordered: () => undefined,
          drained: () => undefined,
          redirected: () => undefined,
          ended: resolve,
        },
      );
    });

  it('speaks HTTPS, to those who trust its authority', async () => {
    expect(swarm.dispatcher.httpUrl).toMatch(/^https:/);
    expect(await ask('first-key-of-acme')).toBe(200);
    await expect(ask('first-key-of-acme', { ca: pem('stranger') })).rejects.toThrow(/certificate|self-signed/);
  });

  it('lets a server join that shows a certificate of its authority, and no other', async () => {
    const ca = pem('authority');
    expect(await join({ ca, identity: identity('server') })).toBe('welcomed');
    for (const tls of [undefined, { ca, identity: undefined }, { ca, identity: identity('intruder') }])
      expect(await join(tls)).toMatchObject({ kind: 'lost' });
    expect(await join({ ca: pem('stranger'), identity: identity('server') })).toMatchObject({ kind: 'lost' });
  });

  it('asks clients of its gRPC service for a certificate and a key', async () => {
    const { cert, key } = identity('server');
    const client = dispatcherClient(swarm.dispatcher.grpcAddress, credentials.createSsl(pem('authority'), key, cert));
    const release = (metadata: Metadata): Promise<{ code: number }> =>
      new Promise((resolve) => client['Release']?.({ leaseId: 'none' }, metadata, resolve));
    expect(await release(new Metadata())).toMatchObject({ code: 16 });
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer first-key-of-acme');
    expect(await release(metadata)).toMatchObject({ code: 5 });
    client.close();
  });

  it('survives bytes that are no TLS, and greetings that stop half-way', async () => {
    const { httpUrl, grpcAddress } = swarm.dispatcher;
    const ports = [new URL(httpUrl).port, new URL(`http://${grpcAddress}`).port].map(Number);
    const greetings = [
      'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      Buffer.from('16030100a5010000a1', 'hex'),
      Buffer.from(Array.from({ length: 2_000 }, (_, i) => (i * 37 + 11) % 256)),
    ];
    await Promise.all(
      ports.flatMap((port) =>
        greetings.map(
          (bytes) =>
            new Promise<void>((resolve) => {
              const socket = connectPlain(port, '127.0.0.1', () => socket.write(bytes));
              socket.setTimeout(100, () => socket.destroy());
              socket.on('error', () => undefined);
              socket.resume();
              socket.on('close', () => resolve());
            }),
        ),
      ),
    );
    expect(await ask('first-key-of-acme')).toBe(200);
    expect(await shown(grpcAddress)).toBe('dispatcher');
  });

  it('takes new keys and certificates while connections stay open, and keeps the old ones when the new are wrong', async () => {
    const { httpUrl, grpcAddress } = swarm.dispatcher;
    expect(await ask('first-key-of-acme')).toBe(200);
    expect([await shown(httpUrl), await shown(grpcAddress)]).toEqual(['dispatcher', 'dispatcher']);

    install('dispatcher-renewed');
    allow('second-key-of-acme');
    swarm.dispatcher.reload();
    const [socket] = Object.values(agent.freeSockets).flat();
    expect(await ask('second-key-of-acme')).toBe(200);
    expect(Object.values(agent.freeSockets).flat()[0]).toBe(socket);
    expect(await ask('first-key-of-acme')).toBe(401);
    expect([await shown(httpUrl), await shown(grpcAddress)]).toEqual(['dispatcher-renewed', 'dispatcher-renewed']);

    writeFileSync(keysFile, '{"keys": [{"key": "short", "tenant": "acme"}]}');
    expect(() => swarm.dispatcher.reload()).toThrow(/keys\[0\]\.key: must have at least 16 characters/);
    copyFileSync(path.join(FIXTURES, 'intruder-key.pem'), keyFile);
    expect(() => swarm.dispatcher.reload()).toThrow(/is not the key of the certificate/);
    expect(await ask('second-key-of-acme')).toBe(200);
    expect(await shown(grpcAddress)).toBe('dispatcher-renewed');
  });
});
