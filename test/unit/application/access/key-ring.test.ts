import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { bearerKey, KeyRing } from '../../../../src/application/access/key-ring.ts';
import { FREE_GRANT } from '../../../support/access-keys.ts';

const KEY = 'a-key-of-a-client-0123456789';
const HASHED = `sha256:${createHash('sha256').update(KEY).digest('hex')}`;

describe('a ring of keys', () => {
  it.each([KEY, HASHED, HASHED.replace('sha256', 'SHA256').toUpperCase().replace('SHA256:', 'sha256:')])(
    'finds a key that was given as %s',
    (given) => {
      const ring = new KeyRing([{ key: given, grant: FREE_GRANT }]);
      expect(ring.find(KEY)).toBe(FREE_GRANT);
      expect(ring.find(`${KEY}x`)).toBeUndefined();
      expect(ring.find('')).toBeUndefined();
    },
  );

  it('does not take the digest itself for a key', () => {
    expect(new KeyRing([{ key: HASHED, grant: FREE_GRANT }]).find(HASHED)).toBeUndefined();
    expect(new KeyRing([{ key: KEY, grant: FREE_GRANT }]).find(HASHED)).toBeUndefined();
  });

  it('gives each key what it allows, and new keys in place of the old ones', () => {
    const small = { ...FREE_GRANT, tenant: 'small' };
    const ring = new KeyRing([
      { key: 'one', grant: FREE_GRANT },
      { key: 'two', grant: small },
    ]);
    expect(ring.find('two')?.tenant).toBe('small');
    ring.replace([{ key: 'three', grant: small }]);
    expect([ring.find('one'), ring.find('two'), ring.find('three')]).toEqual([undefined, undefined, small]);
    expect(ring.isEmpty).toBe(false);
    expect(new KeyRing([]).isEmpty).toBe(true);
  });

  it('holds no key in a readable form', () => {
    const ring = new KeyRing([{ key: KEY, grant: FREE_GRANT }]);
    expect(inspect(ring, { showHidden: true, depth: 9 }) + JSON.stringify(ring)).not.toContain(KEY);
  });
});

describe('the authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer   abc  ', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer a b', undefined],
    [undefined, undefined],
  ])('%s holds the key %s', (header, key) => {
    expect(bearerKey(header)).toBe(key);
  });
});
