import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readKeysFile } from '../../../src/config/keys-file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'daisychain-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DIGEST = 'ab'.repeat(32);
const SECRET = 'do-not-show-this-key';

function read(text: string) {
  const file = path.join(folder, 'keys.yaml');
  writeFileSync(file, text);
  return readKeysFile(file);
}

describe('a keys file', () => {
  it('names each key with its tenant, priority and limits', () => {
    const text = `keys:
  - key: ${SECRET}
    tenant: acme
    max_priority: high
    max_concurrency: 4
    requests_per_minute: 60
    tokens_per_minute: 100000
  - {key_sha256: ${DIGEST.toUpperCase()}, tenant: guests}
`;
    expect(read(text)).toEqual([
      {
        key: SECRET,
        tenant: 'acme',
        maxPriority: 'high',
        maxConcurrency: 4,
        requestsPerMinute: 60,
        tokensPerMinute: 100_000,
      },
      {
        key: `sha256:${DIGEST}`,
        tenant: 'guests',
        maxPriority: 'normal',
        maxConcurrency: undefined,
        requestsPerMinute: undefined,
        tokensPerMinute: undefined,
      },
    ]);
  });

  it('may be JSON', () => {
    expect(read(JSON.stringify({ keys: [{ key: SECRET, tenant: 'a' }] }))).toHaveLength(1);
  });

  it.each<[string, string, string]>([
    ['no key at all', 'keys: [{tenant: a}]', 'keys[0]: must have either key or key_sha256'],
    ['both forms', `keys: [{key: ${SECRET}, key_sha256: ${DIGEST}, tenant: a}]`, 'either key or key_sha256'],
    ['a short key', 'keys: [{key: short, tenant: a}]', 'keys[0].key: must have at least 16 characters'],
    ['half a digest', 'keys: [{key_sha256: abab, tenant: a}]', 'keys[0].key_sha256: must be 64 hexadecimal digits'],
    ['no tenant', `keys: [{key: ${SECRET}}]`, 'keys[0].tenant: missing'],
    ['a tenant with a space', `keys: [{key: ${SECRET}, tenant: a b}]`, 'keys[0].tenant: must be 1 to 64'],
    [
      'a priority there is not',
      `keys: [{key: ${SECRET}, tenant: a, max_priority: top}]`,
      'must be high, normal or low',
    ],
    ['a limit of nothing', `keys: [{key: ${SECRET}, tenant: a, max_concurrency: 0}]`, 'must be at least 1'],
    ['half a request', `keys: [{key: ${SECRET}, tenant: a, requests_per_minute: 0.5}]`, 'requests_per_minute'],
    ['a misspelt field', `keys: [{key: ${SECRET}, tenant: a, rpm: 5}]`, 'keys[0].rpm: unknown key'],
    ['one key twice', `keys: [{key: ${SECRET}, tenant: a}, {key: ${SECRET}, tenant: b}]`, 'keys[1]: has the key of'],
    ['an empty list', 'keys: []', 'must hold at least one key'],
    ['something else', '- 1', 'must be'],
    ['nothing', '', 'is empty'],
    ['broken YAML', 'keys: [', 'neither YAML nor JSON'],
  ])('is refused with %s', (_, text, problem) => {
    let message = '';
    try {
      read(text);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(problem);
    expect(message).toContain('security.keys_file');
    expect(message).not.toContain(SECRET);
  });

  it('is missed when it is not there', () => {
    expect(() => readKeysFile(path.join(folder, 'absent.yaml'))).toThrow(/absent\.yaml: there is no such file/);
  });
});
