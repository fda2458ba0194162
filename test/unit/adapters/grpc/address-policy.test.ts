import { describe, expect, it } from 'vitest';
import { AddressPolicy, peerIpOf } from '../../../../src/adapters/grpc/address-policy.ts';

const own = new AddressPolicy({ serverAddresses: 'own', networks: [] });

describe('the address a server may register', () => {
  it.each([
    ['10.1.2.3:50100', '10.1.2.3', '10.1.2.3:50100'],
    ['127.0.0.1:7', '127.0.0.1', '127.0.0.1:7'],
    ['127.0.0.1:7', '::1', '127.0.0.1:7'],
    ['localhost:7', '::1', 'localhost:7'],
    ['[2001:db8::1]:7', '2001:db8::1', '[2001:db8::1]:7'],
    ['10.1.2.3:7', '::ffff:10.1.2.3', '10.1.2.3:7'],
    // Listening on every interface: its own address is filled in.
    ['0.0.0.0:7', '10.1.2.3', '10.1.2.3:7'],
    ['[::]:7', '2001:db8::1', '[2001:db8::1]:7'],
  ])('%s from %s is dialled at %s', (address, peer, dialled) => {
    expect(own.check(address, peer)).toBe(dialled);
  });

  it.each([
    ['169.254.169.254:80', '10.1.2.3'],
    ['127.0.0.1:22', '10.1.2.3'],
    ['localhost:22', '10.1.2.3'],
    ['10.1.2.4:7', '10.1.2.3'],
    ['metadata.internal:80', '10.1.2.3'],
    ['[::1]:7', '10.1.2.3'],
    ['[::ffff:127.0.0.1]:7', '10.1.2.3'],
  ])('%s from %s is refused, with the remedy', (address, peer) => {
    expect(() => own.check(address, peer)).toThrow(/connects from .*advertise/);
  });

  it.each([
    'nonsense',
    '10.1.2.3',
    '10.1.2.3:0',
    '10.1.2.3:99999',
    'unix:/tmp/x',
    'http://10.1.2.3:7',
    '10.1.2.3:7/path',
    ':7',
  ])('%s is no address', (address) => {
    expect(() => own.check(address, '10.1.2.3')).toThrow(/HOST:PORT/);
  });

  it('may lie in a network that the operator allows', () => {
    const policy = new AddressPolicy({ serverAddresses: 'own', networks: ['192.168.7.0/24', '2001:db8::/32'] });
    expect(policy.check('192.168.7.9:7', '10.1.2.3')).toBe('192.168.7.9:7');
    expect(policy.check('[2001:db8::5]:7', '10.1.2.3')).toBe('[2001:db8::5]:7');
    expect(() => policy.check('192.168.8.9:7', '10.1.2.3')).toThrow(/connects from/);
  });

  it('is a multiaddr for a PETALS server, under the same rules', () => {
    const peer = 'QmXyAQSYVwR6rrWcgv9W6LVNYr1YZooG7gdWpMvrmr7NVG';
    expect(own.check(`/ip4/10.1.2.3/tcp/7/p2p/${peer}`, '10.1.2.3', 'petals')).toBe(`/ip4/10.1.2.3/tcp/7/p2p/${peer}`);
    expect(own.check(`/ip4/0.0.0.0/tcp/7/p2p/${peer}`, '10.1.2.3', 'petals')).toBe(`/ip4/10.1.2.3/tcp/7/p2p/${peer}`);
    expect(() => own.check(`/ip4/10.9.9.9/tcp/7/p2p/${peer}`, '10.1.2.3', 'petals')).toThrow(/connects from/);
    expect(() => own.check('10.1.2.3:7', '10.1.2.3', 'petals')).toThrow(/PETALS/);
    expect(() => own.check(`/ip4/10.1.2.3/tcp/7/p2p/${peer}`, '10.1.2.3')).toThrow(/HOST:PORT/);
  });

  it('may be any where the operator says so', () => {
    const policy = new AddressPolicy({ serverAddresses: 'any', networks: [] });
    expect(policy.check('gpu7.example.com:7', '10.1.2.3')).toBe('gpu7.example.com:7');
  });
});

it.each([
  ['127.0.0.1:4711', '127.0.0.1'],
  ['[::1]:4711', '::1'],
  ['::1:4711', '::1'],
  ['::ffff:10.0.0.1:4711', '10.0.0.1'],
  ['', ''],
])('the address of the peer %s is %s', (peer, ip) => {
  expect(peerIpOf(peer)).toBe(ip);
});
