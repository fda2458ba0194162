import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type AgentProcess, startAgent } from '../support/agent-process.ts';
import { GrpcChainRig, HIDDEN, ROW } from '../support/grpc-chain-rig.ts';
import { ServeProcess } from '../support/serve-process.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/tls', import.meta.url));
const file = (name: string): string => path.join(FIXTURES, `${name}.pem`);
const pem = (name: string): Buffer => readFileSync(file(name));
const identity = (name: string) => ({ cert: pem(name), key: pem(`${name}-key`) });
const certificate = (name: string): string => pem(name).toString();

const TOKEN = 'token-of-this-server';

describe('a block server with doors', () => {
  const rig = new GrpcChainRig();
  afterEach(() => rig.close());

  function hop(address: string, shown: { sessionToken?: string; certificate?: string }) {
    return { hops: [{ serverId: 's0', address, firstBlock: 0, blockCount: 2, ...shown }] };
  }

  it('opens a session over TLS for a caller that shows its token', async () => {
    const { address, host } = await rig.service({}, 0, { sessionToken: TOKEN, tls: identity('server') });
    const shown = { sessionToken: TOKEN, certificate: certificate('server') };
    const session = await rig.open(rig.transport(), [], hop(address, shown));
    expect(await session.forward(ROW, 1, 1)).toHaveLength(HIDDEN);
    session.close();
    await rig.freed(host);
  });

  it.each([
    ['no token', {}],
    ['another token', { sessionToken: 'token-of-another-one' }],
    ['a part of the token', { sessionToken: TOKEN.slice(0, -1) }],
  ])('opens none for a caller that shows %s', async (_, shown) => {
    const { address, host } = await rig.service({}, 0, { sessionToken: TOKEN });
    await expect(rig.open(rig.transport(), [], hop(address, shown))).rejects.toMatchObject({
      code: 'DSP_SERVER_LOST',
      message: expect.stringContaining('show the token with which this server joined'),
    });
    expect(host.usage().sessions).toBe(0);
  });

  it('is sent nothing when it shows another certificate than it registered, though both are of one authority', async () => {
    const { address, host } = await rig.service({}, 0, { tls: identity('server') });
    const registered = { certificate: certificate('dispatcher') };
    await expect(rig.open(rig.transport(), [], hop(address, registered))).rejects.toMatchObject({
      code: 'DSP_SERVER_LOST',
    });
    expect(host.usage().sessions).toBe(0);
  });

  it('is not talked to in the clear when it registered a certificate, nor over TLS when it did not', async () => {
    const plain = await rig.service();
    const secret = await rig.service({}, 0, { tls: identity('server') });
    for (const [address, shown] of [
      [plain.address, { certificate: certificate('server') }],
      [secret.address, {}],
    ] as const)
      await expect(rig.open(rig.transport(), [], hop(address, shown))).rejects.toMatchObject({
        code: 'DSP_SERVER_LOST',
      });
  });
});

describe('a swarm whose agents have certificates', () => {
  let serve: ServeProcess | undefined;
  let agent: AgentProcess | undefined;
  afterEach(async () => {
    agent?.child.kill('SIGTERM');
    await agent?.exited;
    await serve?.stop();
  });

  it('serves through a data plane that speaks TLS only', async () => {
    serve = new ServeProcess([], {
      DAISYCHAIN_GRPC__TLS_CERT_FILE: file('dispatcher'),
      DAISYCHAIN_GRPC__TLS_KEY_FILE: file('dispatcher-key'),
      DAISYCHAIN_GRPC__CLIENT_CA_FILE: file('authority'),
    });
    await expect.poll(() => serve?.stdout, { timeout: 20_000 }).toMatch(/gRPC [\d.]+:\d+/);
    const grpc = /gRPC ([\d.]+:\d+)/.exec(serve.stdout)?.[1] ?? '';
    const port = String(31_000 + (process.pid % 20_000));
    agent = startAgent(grpc, [
      ...['--tls-ca', file('authority'), '--tls-cert', file('server'), '--tls-key', file('server-key')],
      ...['--listen', `127.0.0.1:${port}`, '--declare-speed', '0.0002,0.0001,0.0005'],
    ]);
    await serve.ready(20_000);
    const response = await serve.post('/v1/completions', { model: 'default', prompt: 'She was', max_tokens: 8 });
    expect(response.status).toBe(200);

    const answer = await new Promise<Buffer>((resolve) => {
      const received: Buffer[] = [];
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
      socket.on('data', (bytes) => received.push(bytes));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(Buffer.concat(received)));
    });
    // An alert of TLS (type 21), or nothing: never HTTP/2's settings.
    expect([undefined, 21]).toContain(answer[0]);
  });
});
