import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent-process.ts';
import { ServeProcess } from '../support/serve-process.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/tls', import.meta.url));
const pem = (name: string): string => path.join(FIXTURES, `${name}.pem`);

const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-doors-'));
const keysFile = path.join(folder, 'keys.json');
const allow = (key: string): void => writeFileSync(keysFile, JSON.stringify({ keys: [{ key, tenant: 'acme' }] }));

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function status(url: string, key: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ca: readFileSync(pem('authority')), headers: { authorization: `Bearer ${key}` } };
    const call = request(url, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    call.on('error', reject);
    call.end();
  });
}

describe('the program with keys and certificates', () => {
  it('lets an agent with a certificate join over TLS, and takes new keys at SIGHUP', { timeout: 30_000 }, async () => {
    allow('first-key-of-acme');
    const serve = new ServeProcess([], {
      DAISYCHAIN_HTTP__TLS_CERT_FILE: pem('dispatcher'),
      DAISYCHAIN_HTTP__TLS_KEY_FILE: pem('dispatcher-key'),
      DAISYCHAIN_GRPC__TLS_CERT_FILE: pem('dispatcher'),
      DAISYCHAIN_GRPC__TLS_KEY_FILE: pem('dispatcher-key'),
      DAISYCHAIN_GRPC__CLIENT_CA_FILE: pem('authority'),
      DAISYCHAIN_SECURITY__KEYS_FILE: keysFile,
      DAISYCHAIN_LOG_LEVEL: 'info',
    });
    cleanups.push(() => serve.stop());
    await expect.poll(() => serve.stdout, { timeout: 10_000 }).toContain('daisychain listens');
    const grpc = /gRPC (\S+?);/.exec(serve.stdout)?.[1] ?? '';
    const agent = startAgent(grpc, [
      ...['--tls-ca', pem('authority'), '--tls-cert', pem('server'), '--tls-key', pem('server-key')],
      ...['--declare-speed', '0.001,0.0001,0.001'],
    ]);
    cleanups.push(async () => {
      agent.child.kill('SIGTERM');
      await agent.exited;
    });
    await serve.ready(15_000);
    expect(await status(`${serve.url}/v1/models/default`, 'first-key-of-acme')).toBe(200);

    allow('second-key-of-acme');
    serve.child.kill('SIGHUP');
    await expect.poll(() => status(`${serve.url}/v1/models`, 'second-key-of-acme')).toBe(200);
    expect(await status(`${serve.url}/v1/models`, 'first-key-of-acme')).toBe(401);
    writeFileSync(keysFile, '{}');
    serve.child.kill('SIGHUP');
    await expect.poll(() => serve.stderr).toContain('keys and certificates stay as they were');
    expect(await status(`${serve.url}/v1/models`, 'second-key-of-acme')).toBe(200);
    expect(serve.stderr + serve.stdout).not.toContain('key-of-acme');
  });

  it.each([
    [['--tls-cert', pem('server')], '--tls-cert: needs --tls-key'],
    [['--tls-cert', pem('server'), '--tls-key', pem('server-key')], '--tls-cert: needs --tls-ca'],
    [['--tls-ca', path.join(folder, 'absent.pem')], 'there is no such file'],
    [['--tls-ca', pem('server-key')], 'does not hold a certificate'],
    [
      ['--tls-ca', pem('authority'), '--tls-cert', pem('server'), '--tls-key', pem('intruder-key')],
      'is not the key of the certificate',
    ],
  ])('refuses an agent with %j', async (flags, message) => {
    const agent = startAgent('127.0.0.1:1', flags);
    expect(await agent.exited).toEqual({ code: 2, signal: null });
    expect(agent.stderr()).toContain(message);
  });

  it('does not start open to other machines, nor with half a certificate', async () => {
    const half = new ServeProcess([], { DAISYCHAIN_HTTP__TLS_CERT_FILE: pem('dispatcher') });
    const open = new ServeProcess(['--host', '0.0.0.0'], {});
    expect([await half.exited, await open.exited]).toEqual([2, 2]);
    expect(half.stderr).toContain('http.tls_cert_file: needs http.tls_key_file');
    expect(open.stderr).toMatch(/security\.join_tokens.*security\.api_keys/s);
  });
});
