import { describe, expect, it } from 'vitest';
import { formatHostPort, parseHostPort } from '../../../../src/adapters/wire/address.ts';

describe('host and port', () => {
  it.each(['127.0.0.1:50051', 'gpu-1.lab.example:1', '[::1]:65535', '[2001:db8::7]:80', 'localhost:8080'])(
    'reads %s and writes it back',
    (text) => {
      const address = parseHostPort(text);
      expect(address).toBeDefined();
      if (address !== undefined) expect(formatHostPort(address)).toBe(text);
    },
  );

  it.each([
    '',
    ':1',
    'host',
    'host:',
    'host:0',
    'host:65536',
    'host:1x',
    'host:-1',
    'unix:/a:1',
    'dns:a:1',
    'ipv4:1.2.3.4:5',
    'a/b:1',
    'a b:1',
    '::1:80',
    '[::1]',
    '[x]:1',
    'http://h:1',
    `${'x'.repeat(300)}:1`,
    'a\n:1',
    '-a:1',
  ])('refuses "%s"', (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });

  it('takes port 0 only where it stands for any free one', () => {
    expect(parseHostPort('127.0.0.1:0', 0)).toEqual({ host: '127.0.0.1', port: 0 });
  });
});
